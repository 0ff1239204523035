"""Every exit of the disk pairs, counted by hand from the drivers' headers: none missing, none too many."""

from collections import Counter

import msgspec
import pytest

from hv.cpu.exits import ExitReason
from hv.root.pair_run import machine_for
from hv.root.pairs import Pair, find_pairs
from hv.root.samples import DiskSpec
from hv.vp import Ending
from tests.guests.marked import Exits, run

MIB = 1 << 20
SECTOR = 512

DATA, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS = 0x1F0, *range(0x1F2, 0x1F8)
COMMAND = STATUS
ALTERNATE_STATUS = 0x3F6
BUS_MASTER = 0xC000
BUS_MASTER_STATUS, BUS_MASTER_TABLE = BUS_MASTER + 2, BUS_MASTER + 4
MASTER, SLAVE = 0x20, 0xA0
IRQ_14 = 0x2E
VMBUS_VECTOR = 0x22
EOI_MSR = 0x40000070
SIGNAL_EVENT = 0x5D
WRONG_DATA = 0x30

READ, WRITE = ExitReason.PORT_READ, ExitReason.PORT_WRITE
HLT, INTERRUPT = (ExitReason.HLT, 0), ExitReason.INTERRUPT
SIGNAL = (ExitReason.HYPERCALL, SIGNAL_EVENT)
EOI = (ExitReason.MSR_WRITE, EOI_MSR)


def times(count: int, exits: Exits) -> Exits:
    return Counter({key: number * count for key, number in exits.items()})


def ata_command(sectors: int) -> Exits:
    """One look at the status, then the registers; a 48-bit command writes four of them twice."""
    twice = 2 if sectors > 256 else 1
    addressed = {(WRITE, port): twice for port in (COUNT, LBA_LOW, LBA_MID, LBA_HIGH)}
    return Counter({(READ, STATUS): 1, **addressed, (WRITE, DEVICE): 1, (WRITE, COMMAND): 1})


ATA_WAIT: Exits = Counter({(READ, ALTERNATE_STATUS): 5, (READ, STATUS): 1})
ATA_INTERRUPT: Exits = Counter(
    {HLT: 1, (INTERRUPT, IRQ_14): 1, (READ, STATUS): 1, (WRITE, SLAVE): 1, (WRITE, MASTER): 1}
)
BUS_MASTER_SET_UP: Exits = Counter({(WRITE, BUS_MASTER_TABLE): 1, (WRITE, BUS_MASTER): 2})
BUS_MASTER_END: Exits = Counter(
    {(READ, BUS_MASTER_STATUS): 1, (WRITE, BUS_MASTER): 1, (WRITE, BUS_MASTER_STATUS): 1}
)
READ_STRING: Exits = Counter({(READ, DATA): 1})
WRITE_STRING: Exits = Counter({(WRITE, DATA): 1})
VMBUS_ROUND: Exits = Counter({SIGNAL: 1, HLT: 1, (INTERRUPT, VMBUS_VECTOR): 1, EOI: 1})


def for_request(work: str, path: str, sectors: int) -> Exits:
    """The exits of one request to the IDE disk."""
    command = ata_command(sectors)
    match work, path:
        case "disk-read", "pio-polled":
            return command + times(sectors, ATA_WAIT + READ_STRING)
        case "disk-write", "pio-polled":
            return command + times(sectors, ATA_WAIT + WRITE_STRING) + ATA_WAIT
        case "disk-read", "pio-interrupt":
            return command + times(sectors, ATA_INTERRUPT + READ_STRING)
        case "disk-write", "pio-interrupt":
            return command + ATA_WAIT + times(sectors, WRITE_STRING + ATA_INTERRUPT)
        case _, "dma":
            return command + BUS_MASTER_SET_UP + ATA_INTERRUPT + BUS_MASTER_END
    raise AssertionError((work, path))


def by_hand(work: str, path: str, request: int) -> Exits:
    """The exits between the marks."""
    requests = MIB // request
    if path == "storvsc":
        return times(requests, VMBUS_ROUND)
    if path == "storvsc-queued":
        return times(-(-requests // 8), VMBUS_ROUND)
    return times(requests, for_request(work, path, request // SECTOR))


def cases() -> list[tuple[Pair, str]]:
    return [(pair, path) for pair in find_pairs(["disk-*"]) for path in pair.path]


@pytest.mark.parametrize(("pair", "path"), cases(), ids=lambda each: getattr(each, "name", each))
def test_exits_are_those_counted_by_hand(pair: Pair, path: str) -> None:
    assert pair.value is not None
    spec = pair.path[path]
    _, exits = run(spec)
    assert exits == by_hand(pair.name.partition(":")[0], path, pair.value)


@pytest.mark.parametrize(
    ("work", "path", "total"),
    [
        ("disk-read", "pio-polled", 16128),
        ("disk-read", "pio-interrupt", 14080),
        ("disk-read", "dma", 4608),
        ("disk-read", "storvsc", 1024),
        ("disk-read", "storvsc-queued", 128),
        ("disk-write", "pio-polled", 17664),
        ("disk-write", "pio-interrupt", 15616),
        ("disk-write", "dma", 4608),
        ("disk-write", "storvsc", 1024),
        ("disk-write", "storvsc-queued", 128),
    ],
)
def test_totals_of_the_drivers_headers(work: str, path: str, total: int) -> None:
    assert by_hand(work, path, 4096).total() == total


PATHS = ["pio-polled", "pio-interrupt", "dma", "storvsc", "storvsc-queued"]


@pytest.mark.parametrize("path", PATHS)
def test_a_guest_does_not_accept_other_data(path: str) -> None:
    (pair,) = find_pairs(["disk-read:64K"])
    spec = pair.path[path]
    empty = DiskSpec(size="1M", fill="zero")
    disk = {"scsi_disk" if spec.scsi_disk else "disk": empty}
    end = machine_for(msgspec.structs.replace(spec, **disk)).run(spec.max_insns)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, WRONG_DATA)


@pytest.mark.parametrize("path", PATHS)
def test_the_disk_holds_what_was_written(path: str) -> None:
    (pair,) = find_pairs(["disk-write:64K"])
    spec = pair.path[path]
    machine = machine_for(spec)
    machine.run(spec.max_insns)
    disk = machine.disk(0, "scsi") if spec.scsi_disk else machine.disk(1)
    words = (1 + index * 0x9E3779B1 & 0xFFFFFFFF for index in range(MIB // 4))
    assert disk.read(0, MIB // SECTOR) == b"".join(word.to_bytes(4, "little") for word in words)
