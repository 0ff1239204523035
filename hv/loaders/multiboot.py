"""Multiboot 1 kernels: ELF, or any file whose header says where it goes.

Document: Multiboot Specification 0.6.96, chapter 3. Given to the kernel: memory sizes and map,
command line, modules, loader name, the VGA text screen. Left out: symbol tables, drives, the BIOS's
configuration, APM and VBE tables, graphics modes.
"""

from dataclasses import dataclass
from enum import IntFlag
from itertools import accumulate
from pathlib import Path
from struct import Struct

from hv.loaders import elf as elf_format
from hv.loaders.entry import enter_flat
from hv.loaders.image import BootImage, ImageError, LoadOptions, Mode
from hv.loaders.layout import Layout
from hv.loaders.memory_map import CONVENTIONAL_TOP, HIGH_MEMORY
from hv.loaders.source import Source, c_string, read_file, unpack
from hv.loaders.symbols import NO_SYMBOLS, SymbolTable
from hv.types import Gpa

HEADER_MAGIC = 0x1BADB002
LOADER_MAGIC = 0x2BADB002
_SEARCH_SIZE = 8192
_LOADER_NAME = b"hv\0"


class HeaderFlag(IntFlag):
    """What the kernel wants. Bits 0 to 15 must be obeyed or the kernel refused."""

    PAGE_ALIGN = 1 << 0
    MEMORY_INFO = 1 << 1
    VIDEO_MODE = 1 << 2
    ADDRESSES = 1 << 16


_MUST_OBEY = 0xFFFF
_OBEYED = HeaderFlag.PAGE_ALIGN | HeaderFlag.MEMORY_INFO | HeaderFlag.VIDEO_MODE


class InfoFlag(IntFlag):
    """Which fields of the information structure hold something."""

    MEMORY = 1 << 0
    COMMAND_LINE = 1 << 2
    MODULES = 1 << 3
    MEMORY_MAP = 1 << 6
    LOADER_NAME = 1 << 9
    FRAMEBUFFER = 1 << 12


_HEADER = Struct("<III")
_ADDRESSES = Struct("<IIIII")  # header, load, load end, bss end, entry
# flags, memory (lower, upper), boot device, command line, modules (count, address), symbols, memory
# map (size, address), drives, configuration table, loader name, APM, VBE, framebuffer (address,
# pitch, width, height, bits, type)
_INFO = Struct("<I II 4x I II 16x II 8x 4x I 4x 16x QIIIBB 6x")
_MODULE = Struct("<IIII")  # start, end, string, reserved
_MAP_ENTRY = Struct("<IQQI")  # size of the rest, base, length, type

# The text screen as a framebuffer: type 2 is EGA text, width and height are characters.
_TEXT_SCREEN = (0xB8000, 160, 80, 25, 16, 2)
_NO_SCREEN = (0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header lies in the file, and the kernel's wishes."""

    offset: int
    flags: int


@dataclass(frozen=True, slots=True)
class _Module:
    start: Gpa
    end: int
    string: bytes


def find_header(source: Source) -> Header | None:
    """The first header with a right checksum, 4-byte aligned in the first 8 KiB."""
    head = source.head[:_SEARCH_SIZE]
    magic = HEADER_MAGIC.to_bytes(4, "little")
    offset = head.find(magic)
    while 0 <= offset <= len(head) - _HEADER.size:
        _, flags, checksum = _HEADER.unpack_from(head, offset)
        if offset % 4 == 0 and (HEADER_MAGIC + flags + checksum) & 0xFFFFFFFF == 0:
            return Header(offset, flags)
        offset = head.find(magic, offset + 1)
    return None


def is_multiboot(source: Source) -> bool:
    return find_header(source) is not None


def load_multiboot(source: Source, options: LoadOptions) -> BootImage:
    """Place the kernel, its modules and the information structure; enter it in 32-bit mode."""
    header = find_header(source)
    if header is None:
        raise ImageError("no Multiboot header in its first 8 KiB")
    unknown = header.flags & _MUST_OBEY & ~_OBEYED
    if unknown:
        raise ImageError(f"wants Multiboot features that are not here (flags 0x{unknown:X})")
    layout = Layout(options.memory)
    symbols = NO_SYMBOLS
    if header.flags & HeaderFlag.ADDRESSES:
        form, rip = "address fields", _place_by_addresses(source.data, header, layout)
    elif source.head.startswith(elf_format.MAGIC):
        elf = elf_format.ElfFile(source.data)
        form, rip = f"ELF{elf.bits}", elf_format.place(elf, layout)
        symbols = SymbolTable(elf.symbols)
    else:
        raise ImageError("a Multiboot kernel that is neither ELF nor has address fields")
    modules = [_place_module(layout, path) for path in options.initrd]
    info = _place_info(layout, _command_line(source, options), modules, options.text_screen)
    registers = {"RAX": LOADER_MAGIC, "RBX": info}
    entry = enter_flat(layout, Mode.PROTECTED32, rip, registers=registers)
    lines = [f"Multiboot kernel ({form}), entered at 0x{rip:X}"]
    lines += [f"module at 0x{m.start:X}..0x{m.end:X}" for m in modules]
    return BootImage(
        kind="multiboot",
        name=source.name,
        summary=tuple(lines),
        segments=layout.segments,
        entry=entry,
        symbols=symbols,
    )


def _place_by_addresses(data: memoryview, header: Header, layout: Layout) -> int:
    """Load as the header's address fields say; the entry."""
    fields = unpack(_ADDRESSES, data, header.offset + _HEADER.size, "the Multiboot address fields")
    header_address, load, load_end, bss_end, entry = fields
    start = header.offset - (header_address - load)
    if not 0 <= start <= header.offset:
        raise ImageError("its Multiboot load address does not fit the header's place in the file")
    size = load_end - load if load_end else len(data) - start
    if not 0 < size <= len(data) - start:
        raise ImageError("truncated: its Multiboot load addresses ask for more than the file has")
    if bss_end and bss_end < load + size:
        raise ImageError("its Multiboot bss ends before its data")
    end = max(bss_end, load + size)
    if not load <= entry < end:
        raise ImageError(f"entry 0x{entry:X} lies outside the kernel (0x{load:X}..0x{end:X})")
    layout.put(load, data[start : start + size], "kernel", size=end - load)
    return int(entry)


def _place_module(layout: Layout, path: Path) -> _Module:
    data = read_file(path)
    what = f"module {path}"
    start = layout.put(layout.find_low(len(data), what, start=HIGH_MEMORY), data, what)
    return _Module(start, start + len(data), c_string(path.name, "module's name"))


def _command_line(source: Source, options: LoadOptions) -> bytes:
    """The kernel's name comes first, as programs are used to; without folders, which differ by host."""
    return c_string(f"{Path(source.name).name} {options.command_line}".rstrip(), "command line")


def _place_info(
    layout: Layout, command_line: bytes, modules: list[_Module], text_screen: bool
) -> Gpa:
    """The information structure with all that it points to, in one block."""

    def block(base: int) -> bytes:
        return _info(base, layout, command_line, modules, text_screen)

    place = layout.find_high(len(block(0)), "Multiboot information", top=CONVENTIONAL_TOP)
    return layout.put(place, block(place), "Multiboot information")


def _info(
    base: int, layout: Layout, command_line: bytes, modules: list[_Module], text_screen: bool
) -> bytes:
    """The block as it reads at ``base``: structure, memory map, module list, then the strings."""
    strings = [command_line, _LOADER_NAME, *(module.string for module in modules)]
    memory_map = b"".join(
        _MAP_ENTRY.pack(_MAP_ENTRY.size - 4, item.base, item.size, item.kind) for item in layout.map
    )
    map_at = base + _INFO.size
    modules_at = map_at + len(memory_map)
    strings_at = modules_at + _MODULE.size * len(modules)
    string_at = list(accumulate(map(len, strings), initial=strings_at))
    command_line_at, name_at, *module_strings_at = string_at[:-1]
    flags = InfoFlag.MEMORY | InfoFlag.COMMAND_LINE | InfoFlag.MODULES | InfoFlag.MEMORY_MAP
    flags |= InfoFlag.LOADER_NAME | (InfoFlag.FRAMEBUFFER if text_screen else 0)
    info = _INFO.pack(
        flags,
        *(CONVENTIONAL_TOP >> 10, (layout.low_top - HIGH_MEMORY) >> 10),
        command_line_at,
        *(len(modules), modules_at),
        *(len(memory_map), map_at),
        name_at,
        *(_TEXT_SCREEN if text_screen else _NO_SCREEN),
    )
    module_list = b"".join(
        _MODULE.pack(module.start, module.end, string, 0)
        for module, string in zip(modules, module_strings_at, strict=True)
    )
    return b"".join([info, memory_map, module_list, *strings])
