"""A walk shows every exit between the marks, with the values that went over the bus, and changes none."""

import pytest

from hv.errors import ConfigError
from hv.root.pair_run import run_pair
from hv.root.pairs import Pair, find_guest, find_pairs, find_path
from hv.root.walk import Kind, Walk, walk

CHEAP = ["disk-read:64K", "keyboard", "end-of-interrupt", "tlb-flush", "idle"]
MIB = 1 << 20


def walked(name: str) -> Walk:
    return walk(find_path(name)[1])


@pytest.mark.parametrize("pair", find_pairs(CHEAP), ids=lambda pair: pair.name)
def test_the_steps_add_up_to_the_comparison(pair: Pair) -> None:
    for report in run_pair(pair).paths:
        steps = walk(pair.path[report.path]).steps
        of = {kind: [step for step in steps if step.kind is kind] for kind in Kind}
        assert len(of[Kind.EXIT]) == report.exits
        assert len(of[Kind.INJECTION]) == report.injections
        assert len(of[Kind.WORK]) == sum(line.requests for line in report.work_lines)
        priced = sum(
            cause.cycles.typical for cause in report.causes if cause.name != "guest instructions"
        )
        assert sum(step.cycles for step in steps) == priced
        assert sum(step.insns for step in steps) <= report.insns
        if steps:
            end = steps[-1].at_ns + steps[-1].cycles
            assert end <= report.elapsed
            tail = report.insns - sum(step.insns for step in steps)
            assert report.elapsed - end < tail + 100


def test_a_request_by_dma_is_what_the_data_sheets_say() -> None:
    """READ DMA (ATA-6, 8.24) in 28 bits and the order of SFF-8038i, 3.1."""
    way = walked("disk-read:64K/dma")
    second = way.steps[way.round : 2 * way.round]
    values = [(step.what, step.value) for step in second if step.kind is Kind.EXIT]
    table = values[0][1]
    assert int(table, 16) % 4 == 0
    assert values == [
        ("write bus master ide port 0xc004", table),
        ("write bus master ide port 0xc000", "08"),
        ("read ata0 port 0x01f7", "50"),
        ("write ata0 port 0x01f2", "80"),
        ("write ata0 port 0x01f3", "80"),
        ("write ata0 port 0x01f4", "00"),
        ("write ata0 port 0x01f5", "00"),
        ("write ata0 port 0x01f6", "f0"),
        ("write ata0 port 0x01f7", "c8"),
        ("write bus master ide port 0xc000", "09"),
        ("HLT", ""),
        ("read bus master ide port 0xc002", "04"),
        ("write bus master ide port 0xc000", "00"),
        ("write bus master ide port 0xc002", "06"),
        ("read ata0 port 0x01f7", "50"),
        ("write i8259a port 0x00a0", "20"),
        ("write i8259a port 0x0020", "20"),
    ]
    assert [step.meaning for step in second if step.value == "c8"] == ["command: READ DMA"]
    assert way.round * MIB // 65536 == len(way.steps)


def test_a_string_shows_how_much_it_moved() -> None:
    strings = [step for step in walked("disk-read:64K/pio-polled").steps if "01f0" in step.what]
    assert {step.value for step in strings} == {"512 bytes"}
    assert len(strings) == MIB // 512


def test_status_bits_have_names() -> None:
    steps = walked("disk-read:64K/pio-polled").steps
    busy = next(step for step in steps if step.value == "80" and "03f6" in step.what)
    assert busy.meaning == "alternate status: BSY"
    ready = next(step for step in steps if step.value == "58" and "01f7" in step.what)
    assert ready.meaning == "status: DRDY DSC DRQ"


def test_device_work_says_how_many_sectors() -> None:
    work = [step for step in walked("disk-read:64K/storvsc").steps if step.kind is Kind.WORK]
    assert {step.meaning for step in work} == {"a request of 128 sectors"}
    assert dict(work[0].figures)["data.vsp_sector"] == 128


def test_the_first_exits_with_what_belongs_to_them() -> None:
    way = walked("disk-read:64K/storvsc")
    kinds = [step.kind for step in way.first(2)]
    assert kinds == [Kind.EXIT, Kind.WORK, Kind.EXIT, Kind.INJECTION]


def test_keys_are_read_as_they_were_typed() -> None:
    """Scan code set 1, translated: "t" goes down as 14h and comes up as 94h."""
    data = [
        step.value for step in walked("keyboard/i8042").steps if "i8042 port 0x0060" in step.what
    ]
    assert data[:2] == ["14", "94"]
    assert len(data) == 2 * 64


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing/dma", "no pair @nothing: `hv compare --list` names them"),
        ("tick", "@tick has several paths: name one behind a slash: i8254, local-apic"),
        ("@tick/rtc", "@tick has no path 'rtc': i8254"),
        ("disk-read/dma", "@disk-read is one of disk-read:512, disk-read:4K"),
    ],
)
def test_a_name_that_is_none_says_which_there_are(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_path(name)
    assert str(error.value).startswith(message)
    assert error.value.usage


def test_a_guest_is_a_sample_or_a_path() -> None:
    assert find_guest("hello").source == "hello.asm"
    assert find_guest("disk-read:4K/dma").defines == {"REQUEST": 4096}
