"""What exit handlers are told of the instruction at RIP, and how instructions are counted."""

import pytest

from hv.cpu.decode import (
    ADDRSIZE_FLAG,
    OPSIZE_FLAG,
    REP_FLAG,
    TRANSFER,
    BlockDecoder,
    InsnClass,
    classify,
)

GS_OVERRIDE = 6


@pytest.mark.parametrize(
    ("code", "kind", "length", "immediate"),
    [
        ("e460", InsnClass.IN_OUT, 2, 0xE4),
        ("ee", InsnClass.IN_OUT, 1, 0xEE),
        ("66ef", InsnClass.IN_OUT, 2, 0xEF),
        ("6c", InsnClass.STRING_IO, 1, 0x6C),
        ("0f31", InsnClass.RDTSC, 2, 0x31),
        ("0f01f9", InsnClass.RDTSC, 3, 0xF9),
        ("0f32", InsnClass.RDMSR, 2, 0x32),
        ("0f30", InsnClass.WRMSR, 2, 0x30),
        ("0f01c1", InsnClass.VMCALL, 3, 0xC1),
        ("0f01d9", InsnClass.VMMCALL, 3, 0xD9),
    ],
)
def test_exiting_instructions_are_known(
    code: str, kind: InsnClass, length: int, immediate: int
) -> None:
    packed = classify(bytes.fromhex(code), long_mode=True)
    assert packed & 0x7F == kind
    assert packed >> 8 & 0xFF == length
    assert packed >> 16 & 0xFF == immediate


@pytest.mark.parametrize(
    ("code", "vector", "length"),
    [("cd80", 0x80, 2), ("cc", 3, 1), ("ce", 4, 1), ("66cd10", 0x10, 3)],
)
def test_software_interrupts_carry_their_vector(code: str, vector: int, length: int) -> None:
    packed = classify(bytes.fromhex(code), long_mode=False)
    short = code in ("cc", "ce")
    assert packed & 0x7F == (InsnClass.INT3_INTO if short else InsnClass.SWINT)
    assert (packed >> 16 & 0xFF, packed >> 8 & 0xFF) == (vector, length)


def test_prefixes_are_kept_for_string_io() -> None:
    packed = classify(bytes.fromhex("65f366676d"), long_mode=False)
    assert packed >> 24 == GS_OVERRIDE | OPSIZE_FLAG | ADDRSIZE_FLAG | REP_FLAG


def test_rex_is_a_prefix_in_long_mode_only() -> None:
    rdmsr = bytes.fromhex("480f32")
    assert classify(rdmsr, long_mode=True) & 0x7F == InsnClass.RDMSR
    assert classify(rdmsr, long_mode=False) & 0x7F == InsnClass.OTHER


@pytest.mark.parametrize("code", ["ebfe", "c3", "e2fe", "f3a4", "ff20", "0f05", "7400", "ffd0"])
def test_transfers_are_marked(code: str) -> None:
    assert classify(bytes.fromhex(code), long_mode=True) & TRANSFER


@pytest.mark.parametrize("code", ["89d8", "a4", "ff00", "c60655", "50"])
def test_others_are_not(code: str) -> None:
    assert not classify(bytes.fromhex(code), long_mode=True) & TRANSFER


def test_nothing_to_read_is_nothing_known() -> None:
    assert classify(b"", long_mode=True) == 0
    assert classify(b"\x66\x66", long_mode=True) == 0
    assert classify(b"\x0f", long_mode=True) == 0


@pytest.mark.parametrize(("bits", "instructions"), [(16, 2), (32, 1), (64, 1)])
def test_the_code_size_decides_where_instructions_end(bits: int, instructions: int) -> None:
    assert BlockDecoder().count(bytes.fromhex("b811223344"), bits) >= instructions


def test_resolving_counts_what_lies_before_and_describes_what_stands_there() -> None:
    code = bytes.fromhex("904889c3e460")

    def read(pc: int, size: int) -> bytes:
        return code[pc - 0x1000 : pc - 0x1000 + size]

    packed = BlockDecoder().resolve(read, 0x1000, 4, 64)
    assert packed & 0xFFFF == 2
    assert packed >> 16 & 0x7F == InsnClass.IN_OUT
