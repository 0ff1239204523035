"""Small images made by hand for the loader tests, field by field as the documents lay them out."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from hv.loaders import Segment

MIB = 1 << 20

EM_386, EM_X86_64 = 3, 62
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4


@dataclass
class ElfSegment:
    """One program header with its bytes."""

    paddr: int
    data: bytes
    memsz: int | None = None
    vaddr: int | None = None
    type: int = PT_LOAD


@dataclass
class ElfImage:
    """An ELF file: header, program headers, contents, then an optional symbol table."""

    bits: int = 32
    entry: int = 0x100000
    segments: list[ElfSegment] = field(default_factory=list)
    type: int = ET_EXEC
    machine: int | None = None
    functions: dict[str, int] = field(default_factory=dict)

    def build(self) -> bytes:
        head_size, entry_size = (52, 32) if self.bits == 32 else (64, 56)
        table = b""
        body = b""
        start = head_size + entry_size * len(self.segments)
        for segment in self.segments:
            table += self._program_header(segment, start + len(body))
            body += segment.data + bytes(-len(segment.data) % 4)
        sections, count = self._sections(start + len(body))
        table_at = len(sections) - count * (40 if self.bits == 32 else 64)
        shoff = start + len(body) + table_at if count else 0
        return self._header(shoff, count) + table + body + sections

    def _header(self, shoff: int, shnum: int) -> bytes:
        ident = b"\x7fELF" + bytes([self.bits // 32, 1, 1]) + bytes(9)
        machine = self.machine or (EM_386 if self.bits == 32 else EM_X86_64)
        form, sizes = (
            ("<HHIIIIIHHHHHH", (52, 32, 40))
            if self.bits == 32
            else (
                "<HHIQQQIHHHHHH",
                (64, 56, 64),
            )
        )
        ehsize, phentsize, shentsize = sizes
        return ident + struct.pack(
            form,
            *(self.type, machine, 1, self.entry, ehsize, shoff, 0),
            *(ehsize, phentsize, len(self.segments), shentsize, shnum, 0),
        )

    def _program_header(self, segment: ElfSegment, offset: int) -> bytes:
        memsz = len(segment.data) if segment.memsz is None else segment.memsz
        vaddr = segment.paddr if segment.vaddr is None else segment.vaddr
        place = (offset, vaddr, segment.paddr, len(segment.data), memsz)
        if self.bits == 32:
            return struct.pack("<8I", segment.type, *place, 7, 4)
        return struct.pack("<II6Q", segment.type, 7, *place, 4)

    def _sections(self, start: int) -> tuple[bytes, int]:
        """Symbols, names, and the headers of: nothing, .symtab, .strtab."""
        if not self.functions:
            return b"", 0
        names = b"\0"
        symbols = bytes(16 if self.bits == 32 else 24)
        for name, address in self.functions.items():
            if self.bits == 32:
                symbols += struct.pack("<IIIBBH", len(names), address, 0, 2, 0, 1)
            else:
                symbols += struct.pack("<IBBHQQ", len(names), 2, 0, 1, address, 0)
            names += name.encode() + b"\0"
        form = "<10I" if self.bits == 32 else "<IIQQQQIIQQ"
        entry = 16 if self.bits == 32 else 24
        headers = (
            struct.pack(form, *([0] * 10)),
            struct.pack(form, 0, 2, 0, 0, start, len(symbols), 2, 0, 4, entry),
            struct.pack(form, 0, 3, 0, 0, start + len(symbols), len(names), 0, 0, 1, 0),
        )
        return symbols + names + b"".join(headers), len(headers)


def elf_note(owner: bytes, kind: int, data: bytes) -> bytes:
    name = owner + b"\0"
    padded = name + bytes(-len(name) % 4)
    return struct.pack("<III", len(name), len(data), kind) + padded + data + bytes(-len(data) % 4)


def linux_elf() -> bytes:
    """A vmlinux in miniature: linked high, entered at its physical address, with Linux's note."""
    return ElfImage(
        bits=64,
        entry=16 * MIB,
        segments=[
            ElfSegment(16 * MIB, b"\x90\xf4", vaddr=0xFFFFFFFF81000000, memsz=0x2000),
            ElfSegment(17 * MIB, b"percpu", vaddr=0, memsz=0x1000),
            ElfSegment(0, elf_note(b"Linux", 0x100, b"6.1\0"), type=PT_NOTE),
        ],
    ).build()


def bzimage(payload: bytes, *, version: int = 0x020F, xloadflags: int = 0x7F) -> bytes:
    """A bzImage with two setup sectors around ``payload`` (which ends with its unpacked size)."""
    setup = bytearray(3 * 512)
    setup[0x1F1] = 2
    struct.pack_into("<H", setup, 0x1FE, 0xAA55)
    struct.pack_into("<BB4sH", setup, 0x200, 0xEB, 0x6A, b"HdrS", version)
    struct.pack_into("<H", setup, 0x20E, 0x280 - 0x200)
    setup[0x280:0x296] = b"6.1.0-test (somebody)\0"
    setup[0x211] = 1
    struct.pack_into("<I", setup, 0x22C, 0x7FFFFFFF)
    struct.pack_into("<IBBH", setup, 0x230, 2 * MIB, 1, 21, xloadflags)
    struct.pack_into("<I", setup, 0x238, 2047)
    stub = b"\xf4" * 0x300
    struct.pack_into("<II", setup, 0x248, len(stub), len(payload))
    struct.pack_into("<QI", setup, 0x258, 16 * MIB, 4 * MIB)
    return bytes(setup) + stub + payload


def with_size(stream: bytes, plain: bytes) -> bytes:
    """A payload: compressed stream, then the size of what it holds."""
    return stream + struct.pack("<I", len(plain))


def multiboot_header(flags: int = 0, *addresses: int) -> bytes:
    checksum = -(0x1BADB002 + flags) & 0xFFFFFFFF
    return struct.pack(f"<III{len(addresses)}I", 0x1BADB002, flags, checksum, *addresses)


def boot_sector() -> bytes:
    return bytes(510) + b"\x55\xaa"


def memory_of(segments: Iterable[Segment]) -> dict[int, bytes]:
    """Start address -> bytes, zero fill included."""
    return {s.gpa: bytes(s.data) + bytes(s.size - len(s.data)) for s in segments}


def read_memory(segments: Iterable[Segment], gpa: int, size: int) -> bytes:
    """``size`` bytes of guest memory that lie in one segment."""
    for segment in segments:
        if segment.gpa <= gpa and gpa + size <= segment.end:
            data = bytes(segment.data) + bytes(segment.size - len(segment.data))
            return data[gpa - segment.gpa : gpa - segment.gpa + size]
    raise AssertionError(f"nothing was loaded at 0x{gpa:X}..0x{gpa + size:X}")
