"""ELF files, as far as loading a kernel takes: program headers, notes, function symbols.

Document: System V ABI, gABI chapters 4 and 5 (2013), with the i386 and x86-64 supplements. Left
out: dynamic linking, relocation, extended header counts, big-endian files. Read with ``struct``: a
header that lies is a ImageError, never another exception.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import NamedTuple

from hv.loaders.entry import enter_flat
from hv.loaders.image import BootImage, ImageError, LoadOptions, Mode
from hv.loaders.layout import Layout
from hv.loaders.source import Source, unpack
from hv.loaders.symbols import Symbols, SymbolTable

MAGIC = b"\x7fELF"

_STACK_SIZE = 16 << 10


class FileType(IntEnum):
    RELOCATABLE = 1
    EXECUTABLE = 2
    SHARED = 3
    CORE = 4


class Machine(IntEnum):
    I386 = 3
    X86_64 = 62


class SegmentType(IntEnum):
    LOAD = 1
    DYNAMIC = 2
    INTERPRETER = 3
    NOTE = 4


class SectionType(IntEnum):
    SYMBOL_TABLE = 2


class SectionFlag(IntFlag):
    EXECUTABLE = 4


class SymbolType(IntEnum):
    NONE = 0
    FUNCTION = 2


class ProgramHeader(NamedTuple):
    type: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int


class Section(NamedTuple):
    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int


class Note(NamedTuple):
    owner: bytes
    type: int
    data: bytes


class _Symbol(NamedTuple):
    name: int
    info: int
    section: int
    value: int


@dataclass(frozen=True)
class _Class:
    """The two widths differ in field sizes and order; the tuples pick our fields in our order."""

    header: Struct
    program: Struct
    program_fields: tuple[int, ...]
    section: Struct
    symbol: Struct
    symbol_fields: tuple[int, ...]


_IDENT = Struct("<4sBBBB8x")
_CLASSES = {
    1: _Class(
        Struct("<HHIIIIIHHHHHH"),
        *(Struct("<8I"), (0, 1, 2, 3, 4, 5)),
        Struct("<7I12x"),
        *(Struct("<IIIBBH"), (0, 3, 5, 1)),
    ),
    2: _Class(
        Struct("<HHIQQQIHHHHHH"),
        *(Struct("<IIQQQQQQ"), (0, 2, 3, 4, 5, 6)),
        Struct("<IIQQQQI20x"),
        *(Struct("<IBBHQQ"), (0, 1, 3, 4)),
    ),
}
_NOTE = Struct("<III")


class ElfFile:
    """The headers of an ELF file, checked against the file's length."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        magic, kind, order, _, _ = unpack(_IDENT, data, 0, "the ELF identification")
        if magic != MAGIC or kind not in _CLASSES or order != 1:
            raise ImageError("not a little-endian ELF file")
        self._class = _CLASSES[kind]
        self.bits = 32 * kind
        header = unpack(self._class.header, data, _IDENT.size, "the ELF header")
        self.type: int = header[0]
        self.machine: int = header[1]
        self.entry: int = header[3]
        self._phoff: int = header[4]
        self._shoff: int = header[5]
        self._phentsize, self._phnum, self._shentsize, self._shnum = header[8:12]
        self.program_headers = tuple(self._program_headers())

    @property
    def headers_end(self) -> int:
        """End of the ELF header and the program headers, when they start the file."""
        return self._phoff + len(self.program_headers) * self._class.program.size

    @property
    def loads(self) -> list[ProgramHeader]:
        return [p for p in self.program_headers if p.type == SegmentType.LOAD and p.memsz]

    def _program_headers(self) -> Iterator[ProgramHeader]:
        layout = self._class.program
        for index in range(self._phnum):
            offset = self._phoff + index * self._phentsize
            fields = unpack(layout, self.data, offset, f"program header {index}")
            yield ProgramHeader(*(fields[i] for i in self._class.program_fields))

    def content(self, header: ProgramHeader | Section) -> memoryview:
        """The bytes in the file behind a program header or a section."""
        size = header.filesz if isinstance(header, ProgramHeader) else header.size
        if header.offset + size > len(self.data):
            raise ImageError(f"truncated: a segment needs 0x{header.offset + size:X} bytes of file")
        return self.data[header.offset : header.offset + size]

    def notes(self) -> Iterator[Note]:
        """The entries of all note segments."""
        for header in self.program_headers:
            if header.type == SegmentType.NOTE:
                yield from _notes(self.content(header))

    def sections(self) -> list[Section]:
        layout = self._class.section
        offsets = (self._shoff + index * self._shentsize for index in range(self._shnum))
        return [Section(*unpack(layout, self.data, o, "a section header")) for o in offsets]

    def symbols(self) -> Symbols:
        """Names of its code, which ends with the highest segment."""
        return Symbols(self.functions(), max((p.vaddr + p.memsz for p in self.loads), default=0))

    def functions(self) -> dict[int, str]:
        """Functions, and labels in code, by address. Empty when stripped or when the tables lie."""
        try:
            sections = self.sections()
            tables = [s for s in sections if s.type == SectionType.SYMBOL_TABLE]
            return {
                symbol.value: name
                for table in tables
                for symbol, name in self._symbols(table, sections)
                if _names_code(symbol, sections)
            }
        except ImageError:
            return {}

    def _symbols(self, table: Section, sections: list[Section]) -> Iterator[tuple[_Symbol, str]]:
        if table.link >= len(sections):
            return
        names = bytes(self.content(sections[table.link]))
        data = self.content(table)
        whole = len(data) // self._class.symbol.size * self._class.symbol.size
        for fields in self._class.symbol.iter_unpack(data[:whole]):
            symbol = _Symbol(*(fields[i] for i in self._class.symbol_fields))
            end = names.find(b"\0", symbol.name)
            if end > symbol.name:
                yield symbol, names[symbol.name : end].decode("utf-8", "replace")


def _notes(data: memoryview) -> Iterator[Note]:
    """Name and descriptor are padded to four bytes each."""
    offset = 0
    while offset + _NOTE.size <= len(data):
        name_size, data_size, kind = _NOTE.unpack_from(data, offset)
        start = offset + _NOTE.size
        middle = start + _padded(name_size)
        owner = bytes(data[start : start + name_size]).rstrip(b"\0")
        yield Note(owner, kind, bytes(data[middle : middle + data_size]))
        offset = middle + _padded(data_size)


def _padded(size: int) -> int:
    return size + 3 & ~3


def _names_code(symbol: _Symbol, sections: list[Section]) -> bool:
    kind = symbol.info & 0xF
    if kind == SymbolType.FUNCTION:
        return symbol.section != 0
    return (
        kind == SymbolType.NONE
        and 0 < symbol.section < len(sections)
        and bool(sections[symbol.section].flags & SectionFlag.EXECUTABLE)
    )


# --- loading ---


def place(elf: ElfFile, layout: Layout) -> int:
    """Put the loadable segments at their physical addresses; the physical address of the entry."""
    _check_static(elf)
    loads = [header for header in elf.loads if not _is_lost_header(elf, header, layout)]
    for header in loads:
        if header.filesz > header.memsz:
            raise ImageError(f"segment at 0x{header.paddr:X} is larger in the file than in memory")
        layout.put(header.paddr, elf.content(header), "segment", size=header.memsz)
    for header in loads:
        if header.paddr <= elf.entry < header.paddr + header.memsz:
            return elf.entry
    for header in loads:
        if header.vaddr <= elf.entry < header.vaddr + header.memsz:
            return elf.entry - header.vaddr + header.paddr
    raise ImageError(f"entry 0x{elf.entry:X} lies outside its segments")


def _is_lost_header(elf: ElfFile, header: ProgramHeader, layout: Layout) -> bool:
    """A kernel linked with ``-Ttext=0x100000`` has its ELF headers one page below, in the ROM."""
    only_headers = header.offset + header.memsz <= elf.headers_end
    return only_headers and not layout.is_ram(header.paddr, header.memsz)


def _check_static(elf: ElfFile) -> None:
    if elf.machine not in (Machine.I386, Machine.X86_64):
        raise ImageError(f"ELF for another processor (machine {elf.machine}), not x86")
    if elf.type == FileType.RELOCATABLE:
        raise ImageError("an object file: link it first")
    linked = any(
        p.type in (SegmentType.DYNAMIC, SegmentType.INTERPRETER) for p in elf.program_headers
    )
    if elf.type != FileType.EXECUTABLE or linked:
        raise ImageError("needs a dynamic linker: link it with -static -no-pie")
    if not elf.loads:
        raise ImageError("nothing to load: no PT_LOAD segment")


def is_elf(source: Source) -> bool:
    return source.head.startswith(MAGIC)


def load_elf(source: Source, options: LoadOptions) -> BootImage:
    """A plain ELF kernel: entered in protected or long mode by its class, with a stack."""
    elf = ElfFile(source.data)
    layout = Layout(options.memory)
    rip = place(elf, layout)
    mode = Mode.LONG64 if elf.bits == 64 else Mode.PROTECTED32
    entry = enter_flat(layout, mode, rip, stack=_STACK_SIZE)
    return BootImage(
        kind="elf",
        name=source.name,
        summary=(f"ELF{elf.bits} kernel, entered at 0x{rip:X} in {mode}-bit mode",),
        segments=layout.segments,
        entry=entry,
        symbols=SymbolTable(elf.symbols),
    )
