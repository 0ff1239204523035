"""Whatever a guest does to engine, drive and table: nothing raises, and data stays what it is."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hv.memory import SystemMemory
from hv.root.pci_slots import PciMemory
from hv_devices.emulated.ata import AtaChannel
from hv_devices.emulated.bus_master_ide import BusMasterIde
from tests.devices.ata_driver import FaultyDisk
from tests.fakes import ManualClock, RecordingLine

MEMORY = 1 << 20
TABLE = 0x1000
ACTIVE = 0x01
SECTORS = 600

bases = st.integers(0, 0xFFFFFFFF) | st.sampled_from(
    [0, 0x1000, 0x2000, 0xFFFE, 0x9FFFE, 0xB8000, 0xF0000, 0xFFF00, MEMORY, 0xFFFFFFFE]
)
sizes = st.integers(0, 0xFFFFFFFF) | st.sampled_from(
    [2, 512, 0xFFFE, 0, 0x80000000, 0x80000200, 0x80001000]
)
regions = st.lists(st.tuples(bases, sizes), min_size=1, max_size=8)
steps = st.one_of(
    st.tuples(st.just("table"), regions, st.sampled_from([TABLE, 0xFFF8, 0x1FFF8])),
    st.tuples(
        st.just("engine"), st.integers(0, 7), st.integers(0, 0xFFFFFFFF), st.sampled_from([1, 2, 4])
    ),
    st.tuples(st.just("engine"), st.just(0), st.sampled_from([0, 1, 8, 9]), st.just(1)),
    st.tuples(st.just("engine"), st.just(4), st.sampled_from([TABLE, 0xFFF8, 0x1FFF8]), st.just(4)),
    st.tuples(
        st.just("command"), st.sampled_from([0xC8, 0xCA, 0x25, 0x35, 0x20]), st.integers(0, 255)
    ),
    st.tuples(st.just("device"), st.sampled_from([0xE0, 0xF0])),
    st.tuples(st.just("reset"), st.sampled_from([0, 4])),
    st.tuples(st.just("grant"), st.booleans()),
    st.tuples(st.just("advance"), st.sampled_from([1, 4_000, 50_000])),
)


class Pc:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.memory = SystemMemory(MEMORY)
        self.aborts = 0
        self.engine = BusMasterIde(PciMemory(self.memory), self._aborted)
        disks = (FaultyDisk(SECTORS, 300), FaultyDisk(SECTORS))
        self.channel = AtaChannel(RecordingLine(), self.clock, disks, dmarq=self.engine.dmarq)
        self.engine.connect(self.channel)
        self.engine.grant(True)

    def _aborted(self) -> None:
        self.aborts += 1

    def act(self, step: tuple[Any, ...]) -> None:
        verb, *arguments = step
        getattr(self, verb)(*arguments)

    def table(self, entries: list[tuple[int, int]], at: int) -> None:
        for base, size in entries:
            self.memory.write(at, base.to_bytes(4, "little") + size.to_bytes(4, "little"))
            at += 8

    def engine_write(self, offset: int, value: int, width: int) -> None:
        self.engine.write(offset, value, width)
        assert 0 <= self.engine.read(offset, width) < 1 << 8 * width

    def command(self, code: int, count: int) -> None:
        for offset, value in ((2, 0), (2, count), (3, 0), (3, count), (4, 0), (5, 0), (7, code)):
            self.channel.write(offset, value, 1)

    def device(self, value: int) -> None:
        self.channel.write(6, value, 1)

    def reset(self, value: int) -> None:
        self.channel.write_control(0, value, 1)

    def grant(self, granted: bool) -> None:
        self.engine.grant(granted)

    def advance(self, ns: int) -> None:
        self.clock.advance(ns)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=40))
def test_no_story_raises_and_rom_stays_what_it_is(story: list[tuple[Any, ...]]) -> None:
    pc = Pc()
    pc.memory.load_rom(b"\x5a" * 0x10000)
    for step in story:
        pc.act(("engine_write", *step[1:]) if step[0] == "engine" else step)
        state = pc.engine.state
        assert 0 <= state.left <= 0x10000
        assert state.table % 4 == 0
        assert state.status & ~0x67 == 0
        assert state.command & ~0x09 == 0
        assert not (state.status & ACTIVE and not state.command & 1)
    assert pc.memory.read(0xF0000, 0x10000) == b"\x5a" * 0x10000


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 0x4000), min_size=1, max_size=20),
    st.integers(0, 170),
    st.integers(1, 128),
)
def test_any_cut_of_a_transfer_into_regions_gives_the_same_bytes(
    halves: list[int], lba: int, count: int
) -> None:
    """Regions of even sizes, laid out one behind the other without crossing 64 KiB."""
    pc = Pc()
    drive = pc.channel.drives[0]
    assert drive is not None
    data = bytes(index * 31 + (index >> 9) & 0xFF for index in range(count * 512))
    drive.medium.write(lba, data)
    left, table, at = count * 512, list[tuple[int, int]](), 0x20000
    for half in halves:
        size = min(2 * half, left, 0x10000 - (at & 0xFFFF))
        if not size:
            break
        table.append((at, size))
        at += size
        left -= size
    *others, (base, size) = table
    pc.table([*others, (base, size & 0xFFFF | 0x80000000)], TABLE)
    pc.engine.write(4, TABLE, 4)
    for offset, value in ((2, count & 0xFF), (3, lba), (4, 0), (5, 0), (6, 0xE0), (7, 0xC8)):
        pc.channel.write(offset, value, 1)
    pc.engine.write(0, 9, 1)
    pc.clock.advance(100_000)
    got = b"".join(pc.memory.read(*part) for part in table)
    assert got == data[: len(got)]
    assert pc.memory.read(at, 512) == bytes(512)
    assert not pc.engine.state.status & ACTIVE
