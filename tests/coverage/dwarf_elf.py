"""A small ELF executable with line numbers, byte by byte: DWARF version 4, 64-bit ELF, one unit.

Sections and headers follow the gABI, chapter 4; the unit and the line program DWARF 4, sections 7.5 and 6.2.
"""

import struct

TEXT_PADDR = 0x100000
FILE = "kernel.c"
FOLDER = "/src"

_PHDR = struct.Struct("<IIQQQQQQ")
_SHDR = struct.Struct("<IIQQQQIIQQ")
_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")

_ABBREV = bytes([1, 0x11, 0, 0x10, 0x17, 0x1B, 0x08, 0, 0, 0])
"""Code 1: compile unit without children; stmt_list as sec_offset, comp_dir as string."""


def _info() -> bytes:
    body = struct.pack("<HIB", 4, 0, 8) + bytes([1]) + struct.pack("<I", 0)
    body += FOLDER.encode() + b"\0"
    return struct.pack("<I", len(body)) + body


def _line(vaddr: int, rows: list[tuple[int, int]], end: int) -> bytes:
    """A line program: (offset, line) in order, then the end of the sequence at ``end``."""
    tables = b"\0" + FILE.encode() + b"\0\0\0\0" + b"\0"
    header = struct.pack("<BBBbBB", 1, 1, 1, -3, 12, 10) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1])
    program = bytes([0, 9, 2]) + struct.pack("<Q", vaddr)
    at, line = 0, 1
    for offset, number in rows:
        program += bytes([2, offset - at]) if offset > at else b""  # DW_LNS_advance_pc
        program += bytes([3, (number - line) & 0x7F]) if number != line else b""  # advance_line
        program += bytes([1])  # DW_LNS_copy
        at, line = offset, number
    program += bytes([2, end - at, 0, 1, 1])  # DW_LNE_end_sequence
    head = header + tables
    rest = struct.pack("<HI", 4, len(head)) + head + program
    return struct.pack("<I", len(rest)) + rest


def build(
    code: bytes, rows: list[tuple[int, int]], *, vaddr: int = TEXT_PADDR, lines: bool = True
) -> bytes:
    """An executable with ``code`` at TEXT_PADDR, linked for ``vaddr`` and entered at its start."""
    names = b"\0.text\0.shstrtab\0.debug_abbrev\0.debug_info\0.debug_line\0"
    sections = [(b".text", 1, 6, vaddr, code), (b".shstrtab", 3, 0, 0, names)]
    if lines:
        sections += [
            (b".debug_abbrev", 1, 0, 0, _ABBREV),
            (b".debug_info", 1, 0, 0, _info()),
            (b".debug_line", 1, 0, 0, _line(vaddr, rows, len(code))),
        ]
    at = 0x1000
    headers, content = _SHDR.pack(*[0] * 10), b""
    for name, kind, flags, address, data in sections:
        where = names.index(name + b"\0")
        headers += _SHDR.pack(where, kind, flags, address, at + len(content), len(data), 0, 0, 1, 0)
        content += data
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = _EHDR.pack(
        *(ident, 2, 62, 1, vaddr, 64, at + len(content), 0, 64, 56, 1, 64, len(sections) + 1, 2)
    )
    head += _PHDR.pack(1, 5, at, vaddr, TEXT_PADDR, len(code), len(code), 0x1000)
    return head.ljust(at, b"\0") + content + headers
