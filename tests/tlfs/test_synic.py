"""The SynIC as a guest and its host see it: Linux's traces step by step, then rule by rule."""

import pytest

from hv.tlfs.synic import MAX_QUEUED
from tests.tlfs.bench import (
    AUTO_EOI,
    EOM,
    MASKED,
    POLLING,
    SCONTROL,
    SIEF,
    SIEFP,
    SIM,
    SIMP,
    SINT0,
    Bench,
)

SVERSION = 0x40000081
CALLBACK = 0xF3
SLOT2 = SIM + 0x200
ROW2 = SIEF + 0x200
SINT2 = SINT0 + 2


def message(bench: Bench, slot: int = SLOT2) -> tuple[int, int, int, bytes]:
    """Type, pending flag, sender, payload."""
    header = bench.ram.read(slot, 16)
    size = header[4]
    kind = int.from_bytes(header[:4], "little")
    return kind, header[5], int.from_bytes(header[6:], "little"), bench.ram.read(slot + 16, size)


def take(bench: Bench, slot: int = SLOT2) -> bytes:
    """What Linux does with a message: copy, clear the type, tell the hypervisor if more is pending."""
    _, pending, _, payload = message(bench, slot)
    bench.ram.write(slot, bytes(4))
    if pending & 1:
        bench.vp.write_msr(EOM, 0)
    return payload


def linux() -> Bench:
    return Bench("default").enable_synic(sint2=CALLBACK)


class TestTraces:
    def test_three_queued_messages(self) -> None:
        bench = Bench("default")
        for payload in (b"M1", b"M2", b"M3"):
            assert bench.hv.post(0, 2, 1, payload)
        bench.enable_synic(sint2=CALLBACK)
        assert bench.apic.take() == [CALLBACK]
        assert message(bench) == (1, 1, 0, b"M1")
        assert take(bench) == b"M1"
        assert bench.apic.take() == [CALLBACK]
        assert message(bench) == (1, 1, 0, b"M2")
        assert take(bench) == b"M2"
        assert bench.apic.take() == [CALLBACK]
        assert message(bench) == (1, 0, 0, b"M3")
        assert take(bench) == b"M3"
        assert bench.apic.take() == []

    def test_a_second_message_while_the_slot_is_busy(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"M1")
        assert message(bench)[1] == 0
        bench.hv.post(0, 2, 1, b"M2")
        assert message(bench) == (1, 1, 0, b"M1")
        assert bench.apic.take() == [CALLBACK]
        take(bench)
        assert message(bench) == (1, 0, 0, b"M2")
        assert bench.apic.take() == [CALLBACK]

    def test_a_second_message_after_the_guest_has_cleared_the_type(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"M1")
        take(bench)
        bench.hv.post(0, 2, 1, b"M2")
        assert message(bench) == (1, 0, 0, b"M2")

    def test_channel_events(self) -> None:
        bench = linux()
        assert bench.hv.signal(0, 2, 1)
        assert bench.ram.read(ROW2, 2) == b"\x02\x00"
        assert bench.hv.signal(0, 2, 9)
        assert bench.ram.read(ROW2, 2) == b"\x02\x02"
        assert bench.apic.take() == [CALLBACK, CALLBACK]

    def test_direct_timer(self) -> None:
        bench = linux()
        bench.vp.write_msr(0x400000B0, 0x1ED9)
        bench.vp.write_msr(0x400000B1, 500)
        bench.clock.advance(49_999)
        assert bench.apic.take() == []
        bench.clock.advance(1)
        assert bench.apic.take() == [0xED]
        assert bench.vp.read_msr(0x400000B0) == 0x1ED8
        bench.vp.write_msr(0x400000B1, 600)
        assert bench.vp.read_msr(0x400000B0) == 0x1ED9

    def test_message_timer_behind_a_message(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"vmbus")
        bench.vp.write_msr(0x400000B0, 0x20009)
        bench.vp.write_msr(0x400000B1, 500)
        bench.clock.advance(50_000)
        assert message(bench) == (1, 1, 0, b"vmbus")
        assert bench.apic.take() == [CALLBACK]
        bench.clock.advance(30_000)
        take(bench)
        assert bench.apic.take() == [CALLBACK]
        kind, pending, _, payload = message(bench)
        assert (kind, pending) == (0x80000010, 0)
        assert payload == bytes(8) + (500).to_bytes(8, "little") + (800).to_bytes(8, "little")


class TestRegisters:
    def test_version_and_eom(self) -> None:
        bench = Bench()
        assert bench.vp.read_msr(SVERSION) == 1
        bench.vp.write_msr(EOM, 0x1234)
        assert bench.vp.read_msr(EOM) == 0

    @pytest.mark.parametrize("number", [SIMP, SIEFP])
    def test_page_registers_keep_reserved_bits(self, number: int) -> None:
        bench = Bench()
        bench.vp.write_msr(number, 0x5000 | 0xABE | 1)
        assert bench.vp.read_msr(number) == 0x5ABF

    def test_init_of_one_processor_leaves_the_others_alone(self) -> None:
        bench = Bench(processors=2)
        for vp in bench.vps:
            vp.write_msr(SINT2, CALLBACK)
            vp.write_msr(SCONTROL, 1)
        bench.hv.post(1, 2, 1, b"waits")
        bench.vps[1].reset()
        assert bench.vps[0].read_msr(SINT2) == CALLBACK
        assert [bench.vps[1].read_msr(n) for n in (SINT2, SCONTROL, SIMP)] == [0x10000, 0, 0]
        bench.vps[1].write_msr(SIMP, SIM | 1)
        bench.vps[1].write_msr(SCONTROL, 1)
        assert message(bench)[0] == 0


class TestMessages:
    @pytest.mark.parametrize(
        "steps",
        [
            ((SIMP, SIM | 1), (SINT2, CALLBACK), (SCONTROL, 1)),
            ((SCONTROL, 1), (SINT2, CALLBACK), (SIMP, SIM | 1)),
            ((SCONTROL, 1), (SIMP, SIM | 1), (SINT2, CALLBACK)),
        ],
    )
    def test_a_message_waits_for_its_page_and_its_source(
        self, steps: tuple[tuple[int, int], ...]
    ) -> None:
        bench = Bench()
        bench.hv.post(0, 2, 1, b"early")
        for number, value in steps[:2]:
            bench.vp.write_msr(number, value)
            assert bench.apic.take() == []
        bench.vp.write_msr(*steps[2])
        assert bench.apic.take() == [CALLBACK]
        assert message(bench) == (1, 0, 0, b"early")

    def test_the_type_is_written_last(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"payload")
        writes = bench.overlays.pages[SIM].writes
        assert writes[-1] == (0x200, b"\1\0\0\0")
        assert all(offset >= 0x204 for offset, _ in writes[:-1])

    def test_a_masked_source_can_be_polled(self) -> None:
        bench = Bench().enable_synic()
        bench.hv.post(0, 2, 1, b"one")
        bench.hv.post(0, 2, 1, b"two")
        assert message(bench)[3] == b"one"
        take(bench)
        assert message(bench)[3] == b"two"
        take(bench)
        bench.vp.write_msr(SINT2, CALLBACK)
        assert bench.apic.take() == []

    def test_unmasking_makes_up_for_the_interrupt(self) -> None:
        bench = Bench().enable_synic()
        bench.hv.post(0, 2, 1, b"one")
        bench.vp.write_msr(SINT2, CALLBACK | MASKED)
        assert bench.apic.take() == []
        bench.vp.write_msr(SINT2, CALLBACK)
        bench.vp.write_msr(SINT2, CALLBACK)
        assert bench.apic.take() == [CALLBACK]

    def test_masking_again_owes_nothing_for_an_interrupt_that_went_out(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"one")
        bench.vp.write_msr(SINT2, CALLBACK | MASKED)
        bench.vp.write_msr(SINT2, CALLBACK)
        assert bench.apic.take() == [CALLBACK]

    def test_a_polled_source_never_interrupts(self) -> None:
        bench = Bench().enable_synic(sint2=CALLBACK | POLLING)
        bench.hv.post(0, 2, 1, b"one")
        bench.hv.signal(0, 2, 3)
        bench.vp.write_msr(SINT2, CALLBACK | POLLING)
        assert bench.apic.take() == []
        assert message(bench)[3] == b"one"

    def test_automatic_end_of_interrupt_is_the_sources_choice(self) -> None:
        bench = Bench().enable_synic(sint2=CALLBACK | AUTO_EOI, sint3=0xB0)
        bench.hv.post(0, 2, 1, b"")
        bench.hv.post(0, 3, 1, b"")
        assert bench.apic.raised == [(CALLBACK, True), (0xB0, False)]

    def test_a_slot_that_the_guest_fills_by_hand_is_busy(self) -> None:
        bench = linux()
        bench.ram.write(SLOT2, b"\1\0\0\0")
        bench.hv.post(0, 2, 1, b"mine")
        assert bench.apic.take() == []
        assert message(bench)[1] == 1
        bench.vp.write_msr(EOM, 0)
        assert bench.apic.take() == []
        bench.ram.write(SLOT2, bytes(4))
        assert bench.apic.take() == []
        bench.vp.write_msr(EOM, 0)
        assert bench.apic.take() == [CALLBACK]
        assert message(bench) == (1, 0, 0, b"mine")

    def test_an_end_of_interrupt_is_a_chance_too(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"one")
        bench.hv.post(0, 2, 1, b"two")
        bench.ram.write(SLOT2, bytes(4))
        bench.vp.apic_eoi_happened()
        assert message(bench)[3] == b"two"
        assert bench.apic.take() == [CALLBACK] * 2

    def test_another_message_is_a_chance_too(self) -> None:
        bench = linux()
        for payload in (b"one", b"two"):
            bench.hv.post(0, 2, 1, payload)
        bench.ram.write(SLOT2, bytes(4))
        bench.hv.post(0, 2, 1, b"three")
        assert message(bench) == (1, 1, 0, b"two")

    def test_end_of_message_without_messages_does_nothing(self) -> None:
        bench = linux()
        bench.vp.write_msr(EOM, 0)
        assert bench.apic.take() == []
        assert not bench.overlays.pages[SIM].writes

    def test_sources_do_not_wait_for_each_other(self) -> None:
        bench = Bench().enable_synic(sint2=CALLBACK, sint15=0x40)
        bench.hv.post(0, 2, 1, b"a")
        bench.hv.post(0, 2, 1, b"b")
        bench.hv.post(0, 15, 7, b"c" * 240)
        assert bench.apic.take() == [CALLBACK, 0x40]
        assert message(bench, SIM + 0xF00) == (7, 0, 0, b"c" * 240)

    def test_disabling_keeps_what_waits(self) -> None:
        bench = linux()
        bench.hv.post(0, 2, 1, b"one")
        bench.hv.post(0, 2, 1, b"two")
        bench.vp.write_msr(SCONTROL, 0)
        take(bench)
        assert message(bench)[0] == 0
        bench.vp.write_msr(SCONTROL, 1)
        assert message(bench)[3] == b"two"

    def test_a_guest_that_never_looks_cannot_make_the_queue_grow(self) -> None:
        bench = Bench()
        taken = sum(bench.hv.post(0, 2, 1, b"x") for _ in range(3 * MAX_QUEUED))
        assert taken == MAX_QUEUED
        bench.enable_synic()
        assert bench.hv.post(0, 2, 1, b"room again")

    def test_nobody_is_there(self) -> None:
        bench = linux()
        assert not bench.hv.post(1, 2, 1, b"")
        assert not bench.hv.post(0, 16, 1, b"")
        assert not bench.hv.signal(1, 2, 1)
        assert not bench.hv.signal(0, 255, 1)
        assert not bench.hv.signal(0, 2, 2048)

    @pytest.mark.parametrize(("kind", "size"), [(0, 1), (1, 241)])
    def test_a_host_that_sends_no_message_is_wrong(self, kind: int, size: int) -> None:
        with pytest.raises(ValueError, match="message"):
            linux().hv.post(0, 2, kind, bytes(size))


class TestEvents:
    def test_a_flag_that_is_set_already_does_not_interrupt(self) -> None:
        bench = linux()
        bench.hv.signal(0, 2, 1)
        bench.hv.signal(0, 2, 1)
        assert bench.apic.take() == [CALLBACK]
        bench.ram.write(ROW2, b"\0")
        bench.hv.signal(0, 2, 1)
        assert bench.apic.take() == [CALLBACK]

    @pytest.mark.parametrize(
        ("sint", "flag", "at", "bit"),
        [(0, 0, 0, 1), (2, 63, 0x207, 0x80), (2, 64, 0x208, 1), (15, 2047, 0xFFF, 0x80)],
    )
    def test_where_flags_are(self, sint: int, flag: int, at: int, bit: int) -> None:
        bench = Bench().enable_synic()
        assert bench.hv.signal(0, sint, flag)
        expected = bytearray(4096)
        expected[at] = bit
        assert bench.ram.read(SIEF, 4096) == expected

    @pytest.mark.parametrize("off", [(SCONTROL, 0), (SIEFP, SIEF)])
    def test_a_flag_needs_a_page(self, off: tuple[int, int]) -> None:
        bench = linux()
        bench.vp.write_msr(*off)
        assert not bench.hv.signal(0, 2, 1)
        assert bench.apic.take() == []

    def test_a_masked_source_can_be_polled_and_is_made_up_for(self) -> None:
        bench = Bench().enable_synic()
        assert bench.hv.signal(0, 2, 5)
        assert bench.ram.read(ROW2, 1) == b"\x20"
        bench.vp.write_msr(SINT2, CALLBACK)
        assert bench.apic.take() == [CALLBACK]

    def test_events_go_to_the_processor_they_are_for(self) -> None:
        bench = Bench(processors=2).enable_synic(sint2=CALLBACK)
        bench.vps[1].write_msr(SIEFP, 0x22001)
        bench.vps[1].write_msr(SINT2, 0x50)
        bench.vps[1].write_msr(SCONTROL, 1)
        bench.hv.signal(1, 2, 1)
        assert bench.apic.take() == []
        assert bench.apics[1].take() == [0x50]
        assert bench.ram.read(0x22200, 1) == b"\2"
