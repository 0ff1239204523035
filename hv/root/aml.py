"""AML: the few terms that a description of devices is made of.

Document: ACPI Specification 6.5, chapter 20 (AML) and 6.4 (resource data types). Every function gives
bytes. Left out: everything that computes; a DSDT made from these only names things.
"""

from struct import pack

_ZERO, _ONE = b"\x00", b"\x01"
_BYTE, _WORD, _DWORD, _STRING = 0x0A, 0x0B, 0x0C, b"\x0d"
_NAME, _SCOPE, _BUFFER, _PACKAGE, _DEVICE = b"\x08", b"\x10", b"\x11", b"\x12", b"\x5b\x82"
_ROOT = b"\\"
_SEGMENT_SIZE = 4
_LENGTH_BITS = 28

_IRQ, _IO, _END = 0x22, 0x47, b"\x79\x00"
_DWORD_ADDRESS, _WORD_ADDRESS = 0x87, 0x88
_DECODE_16_BITS = 1
_MEMORY_RANGE, _PORT_RANGE, _BUS_RANGE = 0, 1, 2
_FIXED_PRODUCER, _CACHED_WRITABLE, _ENTIRE_RANGE = 0b1100, 0b011, 0b11


def integer(value: int) -> bytes:
    """The shortest constant for 0 to 2**32 - 1."""
    if value < 2:
        return (_ZERO, _ONE)[value]
    if value < 1 << 8:
        return pack("<BB", _BYTE, value)
    if value < 1 << 16:
        return pack("<BH", _WORD, value)
    return pack("<BI", _DWORD, value)


def string(text: str) -> bytes:
    return _STRING + text.encode("ascii") + b"\0"


def eisa_id(text: str) -> bytes:
    """A Plug and Play ID, "PNP0501": three letters of five bits and four hex digits, big-endian."""
    letters = 0
    for letter in text[:3]:
        letters = letters << 5 | ord(letter) - ord("@")
    return bytes((_DWORD,)) + pack(">HH", letters, int(text[3:], 16))


def package(*elements: bytes) -> bytes:
    return _PACKAGE + _sized(bytes((len(elements),)) + b"".join(elements))


def buffer(data: bytes) -> bytes:
    return _BUFFER + _sized(integer(len(data)) + data)


def name(label: str, value: bytes) -> bytes:
    """Name (label, value)."""
    return _NAME + _path(label) + value


def scope(label: str, *terms: bytes) -> bytes:
    return _SCOPE + _sized(_path(label) + b"".join(terms))


def device(label: str, *terms: bytes) -> bytes:
    return _DEVICE + _sized(_path(label) + b"".join(terms))


def resources(*descriptors: bytes) -> bytes:
    """A resource template."""
    return buffer(b"".join(descriptors) + _END)


def irq(line: int) -> bytes:
    """An ISA interrupt: edge-triggered, active high, not shared."""
    return pack("<BH", _IRQ, 1 << line)


def ports(first: int, count: int) -> bytes:
    """Fixed I/O ports, 16 address bits decoded."""
    return pack("<BBHHBB", _IO, _DECODE_16_BITS, first, first, 1, count)


def memory_window(first: int, size: int) -> bytes:
    """Addresses below 4 GiB that the device passes on to its children."""
    head = pack("<BHBBB", _DWORD_ADDRESS, 23, _MEMORY_RANGE, _FIXED_PRODUCER, _CACHED_WRITABLE)
    return head + pack("<IIIII", 0, first, first + size - 1, 0, size)


def port_window(first: int, last: int) -> bytes:
    """Ports that the device passes on to its children."""
    return _word_window(_PORT_RANGE, _ENTIRE_RANGE, first, last)


def bus_numbers(first: int, last: int) -> bytes:
    """PCI buses below a host bridge."""
    return _word_window(_BUS_RANGE, 0, first, last)


def _word_window(kind: int, flags: int, first: int, last: int) -> bytes:
    head = pack("<BHBBB", _WORD_ADDRESS, 13, kind, _FIXED_PRODUCER, flags)
    return head + pack("<HHHHH", 0, first, last, 0, last - first + 1)


def _path(label: str) -> bytes:
    """One name segment; a leading backslash anchors it at the root."""
    root = _ROOT if label.startswith("\\") else b""
    return root + label.lstrip("\\").encode("ascii").ljust(_SEGMENT_SIZE, b"_")


def _sized(body: bytes) -> bytes:
    """``body`` behind its PkgLength, which counts its own one to four bytes."""
    if len(body) + 1 < 1 << 6:
        return bytes((len(body) + 1,)) + body
    for extra in (1, 2, 3):
        length = len(body) + 1 + extra
        if length < 1 << 4 + 8 * extra:
            high = (length >> 4).to_bytes(extra, "little")
            return bytes((extra << 6 | length & 0xF,)) + high + body
    raise ValueError(f"{len(body)} bytes do not fit {_LENGTH_BITS} bits of length")
