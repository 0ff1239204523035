"""Whatever a guest does to the ports: nothing raises, nothing grows, a block is its accesses."""

import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.emulated.ata_drive import ACCESS_NS, RESET_NS
from tests.devices.ata_driver import (
    BSY,
    DATA,
    DRQ,
    READY,
    SECTOR,
    SRST,
    FaultyDisk,
    Host,
    SparseDisk,
    pattern,
)

SECTORS = 1100
LARGEST_BLOCK = 128 * SECTOR

COMMANDS = [
    *(0x20, 0x24, 0x29, 0x30, 0x34, 0x39, 0x40, 0x42, 0x70, 0x90, 0x91),
    *(0x25, 0x35, 0xC8, 0xCA, 0xC8, 0xCA),
    *(0xC4, 0xC5, 0xC6, 0xE4, 0xE6, 0xE7, 0xE8, 0xEC, 0xEF, 0xF8),
]
"""Favoured over random codes, which are nearly all aborted."""

widths = st.sampled_from([1, 2, 4])
values = st.integers(0, 0xFFFFFFFF) | st.sampled_from([0, 1, 2, 0x40, 0xA0, 0xB0, 0xE0, 0xF0])
steps = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 7), widths),
    st.tuples(st.just("write"), st.integers(0, 7), values, widths),
    st.tuples(st.just("issue"), st.sampled_from(COMMANDS), st.integers(0, 20), st.integers(0, 3)),
    st.tuples(st.just("issue"), st.sampled_from(COMMANDS), st.integers(0, 20), st.integers(0, 3)),
    st.tuples(st.just("write_control"), st.just(0), st.sampled_from([0, 2, 4, 0x80]), st.just(1)),
    st.tuples(st.just("write"), st.just(6), st.sampled_from([0xA0, 0xB0, 0xE0, 0xF0]), st.just(1)),
    st.tuples(st.just("write"), st.integers(2, 5), st.integers(0, 3), st.just(1)),
    st.tuples(st.just("read_control"), st.integers(0, 1), widths),
    st.tuples(st.just("write_control"), st.integers(0, 1), values, widths),
    st.tuples(st.just("read_block"), st.integers(0, 7), widths, st.integers(0, 600)),
    st.tuples(st.just("read_block"), st.just(0), st.just(2), st.just(256)),
    st.tuples(st.just("write_block"), st.integers(0, 7), widths, st.integers(0, 40)),
    st.tuples(st.just("write_block"), st.just(0), st.just(2), st.sampled_from([256, 4096])),
    st.tuples(st.just("dma_take"), st.sampled_from([0, 2, 512, 0x10000])),
    st.tuples(st.just("dma_give"), st.sampled_from([b"", b"ab", bytes(512), bytes(0x10000)])),
    st.tuples(st.just("advance"), st.sampled_from([1, 100, ACCESS_NS, RESET_NS])),
)


def make(kind: str) -> Host:
    disks: dict[str, tuple[Any, Any]] = {
        "both": (FaultyDisk(SECTORS, 1, 2, 700), SparseDisk(1 << 32)),
        "master": (SparseDisk(SECTORS), None),
        "slave": (None, FaultyDisk(3, 1)),
        "none": (None, None),
    }
    return Host(*disks[kind])


def act(host: Host, step: tuple[Any, ...], *, singly: bool = False) -> object:
    """Do one step; blocks as blocks, or ``singly`` as the accesses they stand for."""
    verb, *arguments = step
    channel = host.channel
    if verb == "issue":
        command, count, lba = arguments
        for offset, value in ((2, 0), (2, count), (3, lba), (4, 0), (5, 0), (7, command)):
            channel.write(offset, value, 1)
        host.clock.advance(ACCESS_NS)
        return None
    if verb == "advance":
        host.clock.advance(*arguments)
        return None
    if verb == "read_block" and singly:
        offset, width, count = arguments
        reads = [channel.read(offset, width) for _ in range(count)]
        return b"".join(value.to_bytes(width, "little") for value in reads)
    if verb == "write_block":
        offset, width, count = arguments
        data = bytes(index * 7 & 0xFF for index in range(width * count))
        if not singly:
            channel.write_block(offset, width, data)
            return None
        for at in range(0, len(data), width):
            channel.write(offset, int.from_bytes(data[at : at + width], "little"), width)
        return None
    return getattr(channel, verb)(*arguments)


def snapshot(host: Host) -> object:
    drives = [drive and dataclasses.asdict(drive.state) for drive in host.channel.drives]
    media = [drive and getattr(drive.medium, "written", None) for drive in host.channel.drives]
    return dataclasses.asdict(host.channel.state), drives, media, host.line.level


kinds = st.sampled_from(["both", "master", "slave", "none"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(kinds, st.lists(steps, max_size=60))
def test_no_access_raises_and_no_state_grows(kind: str, story: list[tuple[Any, ...]]) -> None:
    host = make(kind)
    for step in story:
        answer = act(host, step)
        if step[0] in ("read", "read_control"):
            assert isinstance(answer, int)
            assert 0 <= answer < 1 << 8 * step[2]
        elif step[0] == "read_block":
            assert isinstance(answer, bytes)
            assert len(answer) == step[2] * step[3]
        for drive in host.channel.drives:
            if drive:
                check_state(drive.state)


def check_state(state: Any) -> None:
    assert len(state.data_in) <= LARGEST_BLOCK
    assert len(state.data_out) <= LARGEST_BLOCK
    assert len(state.sector_buffer) == SECTOR
    assert 0 <= state.position <= len(state.data_in)
    for name in ("count", "lba_low", "lba_mid", "lba_high"):
        assert 0 <= getattr(state, name) <= 0xFFFF
    for name in ("error", "features", "device", "status"):
        assert 0 <= getattr(state, name) <= 0xFF
    assert not (state.status & BSY and state.status & DRQ)
    assert (state.busy_until_ns is None) or state.status == BSY


@settings(max_examples=300, deadline=None, derandomize=True)
@given(kinds, st.lists(steps, max_size=40))
def test_a_block_is_its_single_accesses(kind: str, story: list[tuple[Any, ...]]) -> None:
    whole, single = make(kind), make(kind)
    for step in story:
        assert act(whole, step) == act(single, step, singly=True)
        assert snapshot(whole) == snapshot(single)
    assert whole.line.rises == single.line.rises


@settings(max_examples=150, deadline=None, derandomize=True)
@given(kinds, st.lists(steps, max_size=40))
def test_the_wire_is_the_selected_drives_pending_interrupt(
    kind: str, story: list[tuple[Any, ...]]
) -> None:
    host = make(kind)
    for step in story:
        act(host, step)
        channel = host.channel.state
        drive = host.channel.drives[channel.selected]
        pending = drive is not None and drive.state.interrupt
        assert host.line.level == (pending and not channel.control & 0x02)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=40))
def test_a_reset_always_gets_the_disk_back(story: list[tuple[Any, ...]]) -> None:
    host = make("master")
    for step in story:
        act(host, step)
    host.control(SRST)
    host.control(0)
    assert host.wait() == READY
    words = host.identify()
    assert words[60] == SECTORS


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(0, SECTORS - 1),
    st.integers(1, 64),
    st.sampled_from([(0x30, 0x20, 1), (0xC5, 0xC4, 16), (0x34, 0x24, 1), (0x39, 0x29, 16)]),
)
def test_what_is_written_is_read(lba: int, count: int, codes: tuple[int, int, int]) -> None:
    write, read, block = codes
    count = min(count, SECTORS - lba)
    host = Host(SparseDisk(SECTORS))
    issue = host.command_lba28 if write in (0x30, 0xC5) else host.command_lba48
    issue(write, lba, count)
    data = pattern(*range(count))
    assert host.write_blocks(data, block) == READY
    issue(read, lba, count)
    assert host.read_blocks(count, block) == data


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(widths, st.integers(0, 200)), max_size=20))
def test_a_sector_can_be_read_in_any_pieces(pieces: list[tuple[int, int]]) -> None:
    host = Host(SparseDisk(4))
    host.channel.drives[0].medium.write(0, pattern(0))  # type: ignore[union-attr]
    host.command_lba28(0x20, 0, 1)
    expected = pattern(0) + b"\x7f\xff" * 20 * 400
    position = 0
    for width, count in pieces:
        size = max(width, 2) * count
        stream = expected[position : position + size]
        got = host.channel.read_block(DATA, width, count)
        assert got == (stream[::2] if width == 1 else stream)
        position += size
