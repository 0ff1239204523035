"""Synthetic timers: every way to start, stop and expire."""

import struct

import pytest

from tests.tlfs.bench import EOM, SIM, Bench

CONFIG, COUNT = 0x400000B0, 0x400000B1
ENABLED, PERIODIC, LAZY, AUTO = 1, 2, 4, 8
DIRECT = 1 << 12
VECTOR = 0xED
MS = 10_000
"""In ticks of 100 ns."""
SINT2 = 2 << 16
SLOT2 = SIM + 0x200


def direct(flags: int, vector: int = VECTOR) -> int:
    return flags | DIRECT | vector << 4


class Timers:
    """A guest with its SynIC on and vectors 0x52 for SINT2, 0x53 for SINT3."""

    def __init__(self, features: str = "all,+tsc-invariant") -> None:
        self.bench = Bench(features).enable_synic(sint2=0x52, sint3=0x53)
        self.apic = self.bench.apic

    def config(self, value: int, timer: int = 0) -> None:
        self.bench.vp.write_msr(CONFIG + 2 * timer, value)

    def count(self, value: int, timer: int = 0) -> None:
        self.bench.vp.write_msr(COUNT + 2 * timer, value)

    def enabled(self, timer: int = 0) -> bool:
        return bool(self.bench.vp.read_msr(CONFIG + 2 * timer) & ENABLED)

    def at(self, tick: int) -> list[int]:
        """The vectors raised up to reference time ``tick``."""
        self.bench.clock.advance(tick * 100 - self.bench.clock.now())
        return self.apic.take()

    def message(self, slot: int = SLOT2) -> tuple[int, int, int]:
        """Timer, expiration, delivery of the message in the slot, which is then taken."""
        ram = self.bench.ram
        kind, size, _flags, index, zero, expiration, delivery = struct.unpack(
            "<IBB10xIIQQ", ram.read(slot, 40)
        )
        assert (kind, size, zero) == (0x80000010, 24, 0)
        ram.write(slot, bytes(4))
        return index, expiration, delivery


def test_one_shot_by_count_then_config() -> None:
    timers = Timers()
    timers.count(5 * MS)
    assert timers.at(4 * MS) == []
    timers.config(direct(ENABLED))
    assert timers.enabled()
    assert timers.at(5 * MS - 1) == []
    assert timers.at(5 * MS) == [VECTOR]
    assert not timers.enabled()
    assert timers.at(50 * MS) == []


def test_one_shot_by_config_then_count() -> None:
    timers = Timers()
    timers.config(direct(ENABLED))
    assert timers.at(MS) == []
    timers.count(2 * MS)
    assert timers.at(2 * MS) == [VECTOR]


def test_auto_enable_starts_with_the_count() -> None:
    timers = Timers()
    timers.config(direct(AUTO))
    assert not timers.enabled()
    timers.count(MS)
    assert timers.enabled()
    assert timers.at(MS) == [VECTOR]
    assert not timers.enabled()
    timers.count(3 * MS)
    assert timers.at(3 * MS) == [VECTOR]


def test_without_auto_enable_the_count_alone_starts_nothing() -> None:
    timers = Timers()
    timers.config(direct(0))
    timers.count(MS)
    assert not timers.enabled()
    assert timers.at(2 * MS) == []


def test_a_deadline_in_the_past_expires_at_once_and_once() -> None:
    timers = Timers()
    timers.at(10 * MS)
    timers.config(direct(AUTO))
    timers.count(9 * MS)
    assert timers.apic.take() == [VECTOR]
    assert not timers.enabled()
    timers.count(10 * MS)
    assert timers.apic.take() == [VECTOR]
    assert timers.at(11 * MS) == []


def test_freebsd_stops_by_a_count_of_zero_and_looks_at_the_bit() -> None:
    timers = Timers()
    timers.config(AUTO | 4 << 16)
    timers.count(MS)
    assert timers.enabled()
    timers.count(0)
    assert not timers.enabled()
    assert timers.bench.vp.read_msr(CONFIG) == AUTO | 4 << 16
    assert timers.at(2 * MS) == []


def test_a_configuration_without_the_enabled_bit_stops() -> None:
    timers = Timers()
    timers.config(direct(ENABLED | PERIODIC))
    timers.count(MS)
    assert timers.at(MS) == [VECTOR]
    timers.config(direct(PERIODIC))
    assert timers.at(9 * MS) == []


@pytest.mark.parametrize("lazy", [0, LAZY])
def test_a_periodic_timer_keeps_its_phase(lazy: int) -> None:
    timers = Timers()
    timers.at(3 * MS + 7)
    timers.config(direct(ENABLED | PERIODIC | lazy))
    timers.count(MS)
    for n in range(1, 100):
        assert timers.at((3 + n) * MS + 6) == []
        assert timers.at((3 + n) * MS + 7) == [VECTOR]
    assert timers.enabled()


def test_a_late_periodic_timer_skips_what_it_missed() -> None:
    timers = Timers()
    timers.config(ENABLED | PERIODIC | SINT2)
    timers.count(MS)
    timers.bench.clock.oversleep(5_500_000)
    assert timers.apic.take() == [0x52]
    assert timers.message() == (0, 5 * MS, 5 * MS + MS // 2)
    assert timers.at(6 * MS) == [0x52]


def test_a_period_cannot_be_so_short_that_nothing_else_happens() -> None:
    timers = Timers()
    timers.config(direct(ENABLED | PERIODIC))
    timers.count(1)
    assert timers.at(10 * MS) == [VECTOR] * 100
    assert timers.bench.vp.read_msr(COUNT) == 1


@pytest.mark.parametrize("count", [(1 << 64) - 1, 1 << 63, 1 << 56])
@pytest.mark.parametrize("flags", [ENABLED, ENABLED | PERIODIC])
def test_never_is_not_armed(count: int, flags: int) -> None:
    timers = Timers()
    timers.count(count)
    timers.config(direct(flags))
    assert timers.enabled()
    assert not timers.bench.clock.armed()


def test_messages_need_a_source() -> None:
    timers = Timers()
    timers.count(MS)
    timers.config(ENABLED)
    assert not timers.enabled()
    timers.config(AUTO)
    timers.count(MS)
    assert not timers.enabled()
    assert timers.at(2 * MS) == []


def test_a_message_timer() -> None:
    timers = Timers()
    timers.config(AUTO | SINT2, timer=3)
    timers.count(7 * MS, timer=3)
    assert timers.at(7 * MS) == [0x52]
    assert timers.message() == (3, 7 * MS, 7 * MS)


def test_two_periodic_timers_on_two_sources_tick_a_thousand_times() -> None:
    timers = Timers()
    for timer in (0, 1):
        timers.config(ENABLED | PERIODIC | (2 + timer) << 16, timer)
        timers.count(MS, timer)
    for n in range(1, 1001):
        assert timers.at(n * MS) == [0x52, 0x53]
        assert timers.message(SIM + 0x200) == (0, n * MS, n * MS)
        assert timers.message(SIM + 0x300) == (1, n * MS, n * MS)


def test_a_busy_slot_holds_one_message_a_timer() -> None:
    timers = Timers()
    ram = timers.bench.ram
    ram.write(SLOT2, b"\1")
    timers.config(ENABLED | PERIODIC | SINT2)
    timers.count(MS)
    assert timers.at(10 * MS) == []
    assert ram.read(SLOT2 + 5, 1) == b"\1"
    ram.write(SLOT2, bytes(4))
    timers.bench.vp.write_msr(EOM, 0)
    assert timers.apic.take() == [0x52]
    assert ram.read(SLOT2 + 5, 1) == b"\0"
    assert timers.message() == (0, MS, 10 * MS)
    assert timers.at(11 * MS) == [0x52]


def test_four_timers_share_a_source() -> None:
    timers = Timers()
    for timer in range(4):
        timers.config(AUTO | SINT2, timer)
        timers.count((4 - timer) * MS, timer)
    timers.at(5 * MS)
    seen = []
    for _ in range(4):
        seen.append(timers.message()[0])
        timers.bench.vp.write_msr(EOM, 0)
    assert seen == [3, 2, 1, 0]


def test_setting_a_timer_anew_takes_back_what_waits() -> None:
    timers = Timers()
    ram = timers.bench.ram
    ram.write(SLOT2, b"\1")
    timers.config(AUTO | SINT2)
    timers.count(MS)
    timers.at(2 * MS)
    timers.count(0)
    ram.write(SLOT2, bytes(4))
    timers.bench.vp.write_msr(EOM, 0)
    assert timers.apic.take() == []
    assert ram.word(SLOT2) == 0


def test_a_direct_timer_does_not_need_the_synic() -> None:
    bench = Bench()
    bench.vp.write_msr(CONFIG, direct(AUTO))
    bench.vp.write_msr(COUNT, 1)
    bench.clock.advance(100)
    assert bench.apic.raised == [(VECTOR, False)]


def test_a_direct_timer_without_a_vector_is_lost() -> None:
    timers = Timers()
    timers.config(direct(AUTO, vector=15))
    timers.count(1)
    assert timers.at(2) == []
    assert not timers.enabled()


def test_direct_mode_that_is_not_offered_does_nothing() -> None:
    timers = Timers("all,-stimer-direct")
    timers.config(direct(AUTO) | SINT2)
    timers.count(MS)
    assert timers.at(MS) == [0x52]
    timers.config(direct(ENABLED))
    assert not timers.enabled()


def test_registers_keep_what_is_defined() -> None:
    timers = Timers()
    timers.config(0xFFFFFFFF_FFFFFFFE, timer=2)
    timers.count(0x12345678_9ABCDEF0, timer=2)
    assert timers.bench.vp.read_msr(CONFIG + 4) == 0xF1FFF
    assert timers.bench.vp.read_msr(COUNT + 4) == 0x12345678_9ABCDEF0


def test_reset_stops_timers() -> None:
    timers = Timers()
    timers.config(direct(ENABLED | PERIODIC))
    timers.count(MS)
    timers.bench.vp.reset()
    assert not timers.bench.clock.armed()
    assert timers.at(5 * MS) == []
    assert timers.bench.vp.read_msr(CONFIG) == 0
