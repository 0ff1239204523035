"""The zero page: what a boot loader tells the Linux kernel.

Documents: Linux, Documentation/arch/x86/zero-page.rst and boot.rst, protocol 2.15. Left out: EFI,
EDD, APM and IST data, memory maps of more than 128 entries, addresses above 4 GiB.
"""

from collections.abc import Iterable
from struct import Struct, pack_into

from hv.loaders.bzimage import HEADER_START, LoadFlag
from hv.loaders.memory_map import MemoryRange
from hv.types import PAGE_SIZE, Gpa

# Offset and form of the fields we set.
_TEXT_CURSOR = 0x000, "<BB"  # column, row
_TEXT_MODE = 0x006, "<BB"  # mode, columns
_TEXT_EGA_BX = 0x00A, "<H"
_TEXT_LINES = 0x00E, "<BB"  # lines, is VGA
_TEXT_POINTS = 0x010, "<H"  # height of a character
_RSDP = 0x070, "<Q"
_E820_ENTRIES = 0x1E8, "<B"
_VIDEO_MODE = 0x1FA, "<H"
_LOADER_TYPE = 0x210, "<B"
_LOAD_FLAGS = 0x211, "<B"
_RAMDISK = 0x218, "<II"  # address, size
_COMMAND_LINE = 0x228, "<I"
_SETUP_DATA = 0x250, "<Q"
_E820_TABLE = 0x2D0

_NORMAL_VIDEO = 0xFFFF
_UNDEFINED_LOADER = 0xFF
_EGA_256K = 3
_E820_ENTRY = Struct("<QQI")

_SETUP_DATA_NODE = Struct("<QII")  # next, type, length
_SETUP_RNG_SEED = 9

PLAIN_HEADER_START = 0x1FE
_PLAIN_HEADER = Struct("<HH4sH")  # 55AA, jump, magic, version
_PROTOCOL = 0x020F


def rng_seed(seed: bytes) -> bytes:
    """The setup_data node that feeds the kernel's entropy pool."""
    return _SETUP_DATA_NODE.pack(0, _SETUP_RNG_SEED, len(seed)) + seed


class ZeroPage:
    """The page in the making; each method sets one thing."""

    def __init__(self, setup_header: bytes | None) -> None:
        """``setup_header`` from the bzImage, or None for a kernel that comes without."""
        self._page = bytearray(PAGE_SIZE)
        if setup_header is None:
            plain = _PLAIN_HEADER.pack(0xAA55, 0, b"HdrS", _PROTOCOL)
            self._page[PLAIN_HEADER_START : PLAIN_HEADER_START + len(plain)] = plain
            self._set(_LOAD_FLAGS, LoadFlag.LOADED_HIGH)
        else:
            self._page[HEADER_START : HEADER_START + len(setup_header)] = setup_header
        self._set(_VIDEO_MODE, _NORMAL_VIDEO)
        self._set(_LOADER_TYPE, _UNDEFINED_LOADER)

    def __bytes__(self) -> bytes:
        return bytes(self._page)

    def memory(self, ranges: Iterable[MemoryRange]) -> None:
        entries = [_E820_ENTRY.pack(item.base, item.size, item.kind) for item in ranges]
        self._set(_E820_ENTRIES, len(entries))
        table = b"".join(entries)
        self._page[_E820_TABLE : _E820_TABLE + len(table)] = table

    def command_line(self, address: Gpa) -> None:
        self._set(_COMMAND_LINE, address)

    def initrd(self, address: Gpa, size: int) -> None:
        self._set(_RAMDISK, address, size)

    def setup_data(self, address: Gpa) -> None:
        self._set(_SETUP_DATA, address)

    def acpi(self, rsdp: Gpa) -> None:
        self._set(_RSDP, rsdp)

    def text_screen(self) -> None:
        """A VGA in mode 3, 80 by 25 characters of 16 lines."""
        self._set(_TEXT_CURSOR, 0, 0)
        self._set(_TEXT_MODE, 3, 80)
        self._set(_TEXT_EGA_BX, _EGA_256K)
        self._set(_TEXT_LINES, 25, 1)
        self._set(_TEXT_POINTS, 16)

    def _set(self, field: tuple[int, str], *values: int) -> None:
        offset, form = field
        pack_into(form, self._page, offset, *values)
