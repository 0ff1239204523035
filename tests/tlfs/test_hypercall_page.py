"""GUEST_OS_ID and HYPERCALL: how a guest gets its hypercall page and loses it again."""

import pytest

from hv.tlfs import HypercallRegisters, UndefinedOperation
from tests.tlfs.bench import (
    GUEST_OS_ID,
    HYPERCALL,
    LINUX,
    PAGE,
    PHYSICAL_BITS,
    Bench,
    general_protection,
)

GPA, OTHER = 0x8000, 0xA000


def call(bench: Bench, **mode: object) -> int:
    """HvCallNotifyLongSpinWait, which always succeeds."""
    registers = HypercallRegisters(rcx=0x10008, **mode)  # type: ignore[arg-type]
    result = bench.vp.hypercall(registers)
    assert result.rax is not None
    return result.rax


def test_linux_enables_the_page() -> None:
    bench = Bench()
    bench.vp.write_msr(GUEST_OS_ID, LINUX)
    assert bench.vp.read_msr(HYPERCALL) == 0
    bench.vp.write_msr(HYPERCALL, GPA | 1)
    assert bench.vp.read_msr(HYPERCALL) == GPA | 1
    assert bench.overlays.pages[GPA].rights == "rx"
    assert bench.ram.read(GPA, 4) == bytes.fromhex("0f01d9c3")  # vmmcall; ret
    assert bench.ram.read(GPA + 4, PAGE - 4) == b"\xcc" * (PAGE - 4)
    assert call(bench) == 0


def test_without_an_identity_the_enable_bit_does_not_stick() -> None:
    bench = Bench()
    bench.vp.write_msr(HYPERCALL, GPA | 1)
    assert bench.vp.read_msr(HYPERCALL) == GPA
    assert not bench.overlays.pages


def test_forgetting_the_identity_takes_the_page_away() -> None:
    bench = Bench()
    bench.ram.write(GPA, b"the guest's own")
    bench.vp.write_msr(GUEST_OS_ID, LINUX)
    bench.vp.write_msr(HYPERCALL, GPA | 1)
    bench.vp.write_msr(GUEST_OS_ID, 0)
    assert bench.vp.read_msr(HYPERCALL) == GPA
    assert bench.ram.read(GPA, 15) == b"the guest's own"


def test_the_page_moves() -> None:
    bench = Bench().identify()
    bench.vp.write_msr(HYPERCALL, GPA | 1)
    bench.vp.write_msr(HYPERCALL, OTHER | 1)
    assert list(bench.overlays.pages) == [OTHER]
    assert bench.ram.read(GPA, 4) == bytes(4)


def test_reserved_bits_are_kept() -> None:
    bench = Bench("all,-hypercall-lock").identify()
    bench.vp.write_msr(HYPERCALL, GPA | 0xFFF)
    assert bench.vp.read_msr(HYPERCALL) == GPA | 0xFFF
    bench.vp.write_msr(HYPERCALL, 0)
    assert bench.vp.read_msr(HYPERCALL) == 0


def test_a_page_beyond_the_address_space_is_refused() -> None:
    bench = Bench().identify()
    before = bench.vp.read_msr(HYPERCALL)
    with general_protection():
        bench.vp.write_msr(HYPERCALL, 1 << PHYSICAL_BITS | 1)
    assert bench.vp.read_msr(HYPERCALL) == before


def test_a_locked_page_stays_until_reset() -> None:
    bench = Bench().identify()
    bench.vp.write_msr(HYPERCALL, GPA | 3)
    with general_protection():
        bench.vp.write_msr(HYPERCALL, OTHER | 1)
    assert bench.vp.read_msr(HYPERCALL) == GPA | 3
    bench.hv.reset()
    assert bench.vp.read_msr(HYPERCALL) == 0
    assert not bench.overlays.pages


@pytest.mark.parametrize("mode", [{"cpl": 3}, {"cpl": 1}, {"protected_mode": False}])
def test_a_hypercall_needs_protected_mode_and_ring_0(mode: dict[str, object]) -> None:
    with pytest.raises(UndefinedOperation):
        call(Bench().identify(), **mode)


def test_there_is_no_hypercall_while_the_page_is_off() -> None:
    bench = Bench().identify()
    bench.vp.write_msr(HYPERCALL, 0)
    with pytest.raises(UndefinedOperation):
        call(bench)
