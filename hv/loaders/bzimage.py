"""The setup header of a bzImage: what the kernel says about itself before it runs.

Document: Linux, Documentation/arch/x86/boot.rst, protocol 2.06 to 2.15. Left out: zImages (loaded
low), the 16-bit entry, EFI.
"""

from dataclasses import dataclass
from enum import IntFlag
from struct import Struct

from hv.loaders.image import ImageError
from hv.loaders.source import Source, unpack
from hv.types import SECTOR_SIZE

HEADER_START = 0x1F1
"""Same offset in the file and in the zero page, and so is the end."""
HEADER_END = 0x290

_MAGIC = b"HdrS"
_MAGIC_AT = 0x202
_OLDEST = 0x0206
"""First protocol with a command line size; older ones are kernels before 2.6.22."""
_DEFAULT_SETUP_SECTORS = 4


class LoadFlag(IntFlag):
    LOADED_HIGH = 1 << 0


class ExtendedLoadFlag(IntFlag):
    ENTRY_64 = 1 << 0


@dataclass(frozen=True, slots=True)
class SetupHeader:
    """The fields that a loader reads; names as in boot.rst."""

    raw: bytes
    """The header itself, from 0x1F1: it goes into the zero page."""
    version: int
    release: str
    setup_size: int
    """Boot sector and setup code: where the protected-mode part starts in the file."""
    loadflags: int
    initrd_addr_max: int
    xloadflags: int
    cmdline_size: int
    payload_offset: int
    payload_length: int
    pref_address: int
    init_size: int

    @property
    def has_entry_64(self) -> bool:
        return bool(self.xloadflags & ExtendedLoadFlag.ENTRY_64)


_FIELDS = {
    "loadflags": (0x211, Struct("<B"), 0x0200),
    "initrd_addr_max": (0x22C, Struct("<I"), 0x0203),
    "xloadflags": (0x236, Struct("<H"), 0x020C),
    "cmdline_size": (0x238, Struct("<I"), 0x0206),
    "payload_offset": (0x248, Struct("<I"), 0x0208),
    "payload_length": (0x24C, Struct("<I"), 0x0208),
    "pref_address": (0x258, Struct("<Q"), 0x020A),
    "init_size": (0x260, Struct("<I"), 0x020A),
}
"""Offset, form, and the protocol that brought the field; older kernels have zero there."""

_VERSION = Struct("<H")


def is_bzimage(source: Source) -> bool:
    return source.head[_MAGIC_AT : _MAGIC_AT + 4] == _MAGIC and source.head[510:512] == b"\x55\xaa"


def read_header(data: memoryview) -> SetupHeader:
    """The setup header, as far as this kernel's protocol has it."""
    (jump,) = unpack(Struct("<B"), data, 0x201, "the setup header")
    (version,) = unpack(_VERSION, data, 0x206, "the setup header")
    (setup_sectors,) = unpack(Struct("<B"), data, 0x1F1, "the setup header")
    if version < _OLDEST:
        raise ImageError(f"boot protocol {version >> 8}.{version & 0xFF:02} is too old (need 2.06)")
    fields = {
        name: unpack(form, data, offset, "the setup header")[0] if version >= since else 0
        for name, (offset, form, since) in _FIELDS.items()
    }
    header = SetupHeader(
        raw=bytes(data[HEADER_START : min(_MAGIC_AT + jump, HEADER_END)]),
        version=version,
        release=_release(data),
        setup_size=SECTOR_SIZE * (1 + (setup_sectors or _DEFAULT_SETUP_SECTORS)),
        **fields,
    )
    if not header.loadflags & LoadFlag.LOADED_HIGH:
        raise ImageError("a zImage, which is loaded low: only bzImages can be booted")
    if header.setup_size >= len(data):
        raise ImageError("truncated: the kernel behind its setup code is missing")
    return header


def _release(data: memoryview) -> str:
    """The version string, such as ``6.1.0-13-amd64 (...)``; its first word is the release."""
    (pointer,) = unpack(_VERSION, data, 0x20E, "the setup header")
    text = bytes(data[SECTOR_SIZE + pointer : SECTOR_SIZE + pointer + 128]) if pointer else b""
    words = text.partition(b"\0")[0].decode("ascii", "replace").split()
    return words[0] if words else "of unknown version"
