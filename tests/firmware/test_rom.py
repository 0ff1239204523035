"""The BIOS image by itself: what programs and other firmware expect at fixed places of the ROM."""

import re

import pytest

from hv.asm import Assembly, assemble_file
from tests.firmware.cases import HERE

ROM_BYTES = 65536
VECTOR_ROW = 3
"""Bytes of a row of ``vector_table``: number, offset of the handler."""


@pytest.fixture(scope="module")
def bios() -> Assembly:
    return assemble_file(HERE.parents[1] / "firmware" / "bios.asm")


def word(code: bytes, offset: int) -> int:
    return int.from_bytes(code[offset : offset + 2], "little")


def test_fills_a_segment(bios: Assembly) -> None:
    assert (bios.origin, len(bios.code)) == (0, ROM_BYTES)


def test_the_reset_vector_jumps_to_the_power_on_self_test(bios: Assembly) -> None:
    assert bios.code[0xFFF0:0xFFF5] == bytes.fromhex("EA5BE000F0")
    opcode, distance = bios.code[0xE05B], word(bios.code, 0xE05C)
    assert opcode == 0xE9  # JMP rel16
    assert (0xE05E + distance) & 0xFFFF == bios.symbols["post"]


def test_the_date_and_the_model_byte_are_where_the_at_has_them(bios: Assembly) -> None:
    assert re.fullmatch(rb"\d\d/\d\d/\d\d", bios.code[0xFFF5:0xFFFD])
    assert bios.code[0xFFFE] == 0xFC


def test_the_bytes_add_up_to_zero(bios: Assembly) -> None:
    wanted = -sum(bios.code[:-1]) & 0xFF
    assert bios.code[-1] == wanted, f"CHECKSUM in bios.asm has to be 0x{wanted:02X}"


def test_known_entry_points_stay(bios: Assembly) -> None:
    at = bios.symbols
    assert (at["configuration_table"], at["floppy_parameters"]) == (0xE6F5, 0xEFC7)
    assert (at["interrupt_return"], at["print_screen"]) == (0xFF53, 0xFF54)
    assert bios.code[0xFF53] == 0xCF  # IRET


def test_the_configuration_table_says_at_with_what_this_board_has(bios: Assembly) -> None:
    table = bios.code[0xE6F5 : 0xE6F5 + 10]
    assert word(table, 0) == 8
    model, features = table[2], table[5]
    assert model == 0xFC
    assert features == 0x40 | 0x20 | 0x10 | 0x04  # second 8259, clock, INT 15h/4Fh, EBDA


def test_every_service_and_interrupt_line_has_a_vector_of_its_own(bios: Assembly) -> None:
    start, end = bios.symbols["vector_table"], bios.symbols["vector_table_end"]
    rows = [bios.code[at : at + VECTOR_ROW] for at in range(start, end, VECTOR_ROW)]
    numbers = [row[0] for row in rows]
    assert numbers == sorted(set(numbers))
    assert set(range(0x08, 0x1B)) <= set(numbers)  # IRQ 0-7 and INT 10h-1Ah
    assert set(range(0x70, 0x78)) <= set(numbers)  # IRQ 8-15
    known = set(bios.symbols.values())
    assert all(word(row, 1) in known for row in rows)


def test_key_rows_start_with_their_scan_code(bios: Assembly) -> None:
    table = bios.symbols["key_table"]
    for scan in range(0x59):
        plain, shifted = (word(bios.code, table + 8 * scan + column) for column in (0, 2))
        if plain and scan not in (0x57, 0x58):  # F11 and F12 have codes of their own
            assert plain >> 8 == scan
        if shifted and scan < 0x3B:
            assert shifted >> 8 == scan
