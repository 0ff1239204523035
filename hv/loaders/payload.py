"""The compressed kernel inside a bzImage.

Document: Linux, Documentation/arch/x86/boot.rst ("payload_offset", "payload_length"): the payload
is the output of one of the kernel's compressors, or the plain ELF; its last four bytes are the
unpacked size. The codecs' own formats are told apart by their first bytes. Left out: LZO, for which
Python has no usual package; such a kernel unpacks itself in the guest.

Nothing is unpacked past the size that the payload states, nor past ``_LARGEST``.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct

import lz4.block
import zstandard

from hv.loaders.image import ImageError

_LARGEST = 512 << 20
_SIZE = Struct("<I")
_LZ4_BLOCK = 8 << 20
"""The LZ4 legacy frame (lz4 Frame format, "Legacy frame") cuts its input into such blocks."""


@dataclass(frozen=True, slots=True)
class Codec:
    """``unpack(stream, size)`` gives at most ``size`` + 1 bytes."""

    name: str
    magic: bytes
    unpack: Callable[[memoryview, int], bytes]


def find_codec(payload: memoryview) -> Codec | None:
    """The codec whose first bytes the payload has."""
    head = bytes(payload[:8])
    return next((codec for codec in CODECS if head.startswith(codec.magic)), None)


def unpack_payload(codec: Codec, payload: memoryview) -> bytes:
    """The kernel ELF, exactly as long as the payload says."""
    if len(payload) < _SIZE.size:
        raise ImageError("truncated: no payload")
    (size,) = _SIZE.unpack_from(payload, len(payload) - _SIZE.size)
    if not 0 < size <= _LARGEST:
        raise ImageError(f"its {codec.name} payload claims to unpack to {size >> 20} MiB")
    try:
        data = codec.unpack(payload, size)
    except _CODEC_ERRORS as error:
        raise ImageError(f"its {codec.name} payload is damaged: {error}") from None
    if len(data) != size:
        raise ImageError(f"its {codec.name} payload is damaged: it does not unpack to {size} bytes")
    return data


_CODEC_ERRORS = (
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    lz4.block.LZ4BlockError,
    OSError,  # bz2
    EOFError,
    ValueError,
)


def _gzip(stream: memoryview, size: int) -> bytes:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(stream, size + 1)


def _bzip2(stream: memoryview, size: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(stream, size + 1)


def _xz(stream: memoryview, size: int) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _LARGEST).decompress(stream, size + 1)


def _lzma_alone(stream: memoryview, size: int) -> bytes:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LARGEST).decompress(stream, size + 1)


def _zstd(stream: memoryview, size: int) -> bytes:
    frame = stream[: -_SIZE.size]  # it would take the size for another frame
    with zstandard.ZstdDecompressor().stream_reader(frame) as reader:
        return b"".join(_read_up_to(reader.read, size + 1))


def _read_up_to(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        data = read(size)
        if not data:
            return
        size -= len(data)
        yield data


def _lz4_legacy(stream: memoryview, size: int) -> bytes:
    blocks = []
    offset = len(_LZ4_MAGIC)
    left = size
    while left > 0:
        if offset + _SIZE.size > len(stream):
            raise EOFError("it ends within a block")
        (packed,) = _SIZE.unpack_from(stream, offset)
        offset += _SIZE.size
        block = lz4.block.decompress(stream[offset : offset + packed], min(left, _LZ4_BLOCK))
        offset += packed
        left -= len(block)
        blocks.append(block)
        if len(block) < _LZ4_BLOCK:
            break
    return b"".join(blocks)


def _plain(stream: memoryview, size: int) -> bytes:
    return bytes(stream[: len(stream) - _SIZE.size])


_LZ4_MAGIC = b"\x02\x21\x4c\x18"

CODECS = (
    Codec("gzip", b"\x1f\x8b", _gzip),
    Codec("bzip2", b"BZh", _bzip2),
    Codec("xz", b"\xfd7zXZ\0", _xz),
    Codec("lzma", b"\x5d\0\0", _lzma_alone),
    Codec("zstd", b"\x28\xb5\x2f\xfd", _zstd),
    Codec("LZ4", _LZ4_MAGIC, _lz4_legacy),
    Codec("uncompressed", b"\x7fELF", _plain),
)
