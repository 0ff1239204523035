"""Whole machines: independent of each other, reproducible, cut into slices without notice."""

import pytest

from hv.config import DiskConfig, MachineConfig, parse_disk, parse_size
from hv.errors import ConfigError
from hv.root.machine import Machine
from hv.root.result import make_result, to_json
from hv.root.samples import find_sample
from hv.vp import Ending
from tests.machines import PASS, boot_sector, flat

USER_PORT = 2150 + 8900 + 1000
RDTSC = 34
"""The typical figures of hv-2026.1: a port of an emulated chip, and a time stamp."""

COUNT = "mov cx, {n}\nagain:\ninc bx\nloop again\nmov al, bl\nout 0xe9, al\n" + PASS


def sample(name: str) -> Machine:
    chosen = find_sample(name)
    config = MachineConfig(memory=chosen.machine_memory)
    machine = Machine(config, chosen.boot_image(config.memory), media=chosen.media())
    machine.hand.play(chosen.typed())
    return machine


def test_two_machines_in_one_process_share_nothing() -> None:
    alone = sample("pit_irq")
    expected = to_json(make_result(alone, alone.run()))
    first, second = sample("pit_irq"), sample("ide_irq_read")
    end = None
    while end is None or end.ending is Ending.BUDGET:
        second.run(second.insns + 3_000)
        end = first.run(first.insns + 1_000)
    assert to_json(make_result(first, end)) == expected


@pytest.mark.parametrize("size", [1_000, 7_777, 1_000_000])
def test_slices_change_nothing(size: int) -> None:
    whole, sliced = sample("rtc_irq"), sample("rtc_irq")
    expected = make_result(whole, whole.run())
    assert make_result(sliced, sliced.run(slice_insns=size)) == expected


def test_the_text_port_and_marks_are_kept() -> None:
    source = "mov dx, 0x5a0\nmov ax, 7\nout dx, ax\n" + COUNT.format(n=5)
    machine = flat(source)
    end = machine.run()
    assert (end.ending, bytes(machine.text_log)) == (Ending.DEBUG_EXIT, b"\x05")
    assert [mark.id for mark in machine.marks] == [7]
    assert machine.marks[0].moment.insns == 2


def test_intervals_between_marks_hold_instructions_and_exits() -> None:
    mark = "mov dx, 0x5a0\nmov ax, {id}\nout dx, ax\n"
    machine = flat(mark.format(id=1) + "nop\n" * 10 + "in al, 0x61\n" + mark.format(id=2) + PASS)
    result = make_result(machine, machine.run())
    (interval,) = result.between_marks
    assert (interval.first, interval.second, interval.exits) == (1, 2, 1)
    assert interval.insns == 14


def test_the_cost_of_exits_is_in_the_cycles() -> None:
    machine = flat("in al, 0x61\n" * 3 + PASS)
    result = make_result(machine, machine.run())
    assert result.insns == 5
    assert result.cycles == 5 + 3 * USER_PORT
    assert sum(row.cycles for row in result.exits) == 3 * USER_PORT


def test_a_guest_reads_the_time_the_report_gives() -> None:
    source = "rdtsc\nmov esi, eax\nin al, 0x61\nrdtsc\nsub eax, esi\n"
    machine = flat(source + "mov [0x600], eax\n" + PASS)
    machine.run()
    difference = int.from_bytes(machine.partition.memory.read(0x600, 4), "little")
    assert difference == 3 + USER_PORT + RDTSC


def test_serial_input_from_the_host_reaches_the_guest() -> None:
    source = """
        mov dx, 0x3fd
    ready:
        in al, dx
        test al, 1
        jz ready
        mov dx, 0x3f8
        in al, dx
        out 0xf4, al
    """
    machine = boot_sector(source)
    assert machine.board.com1.receive(b"\x2a") == 1
    end = machine.run(10_000_000)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0x2A)


def test_a_look_at_every_address_of_the_open_bus_is_counted_by_page() -> None:
    machine = flat(
        f"""
        mov ax, 0xc000              # where an option ROM could be
        mov ds, ax
        xor bx, bx
        next:
        mov al, [bx]
        add bx, 16
        jnz next
        {PASS}
        """
    )
    result = make_result(machine, machine.run())
    rows = [(row.target, row.count) for row in result.exits if row.device == "open bus"]
    assert rows == [(f"gpa 0x000c{page:x}000", 256) for page in range(16)]


def test_disks_are_told_apart_by_size_and_flags() -> None:
    assert parse_disk("a.img,ro,bus=ide") == DiskConfig("a.img", "ide", "ro")
    assert parse_disk("b.img") == DiskConfig("b.img", "auto", "overlay")
    with pytest.raises(ConfigError, match="zip"):
        parse_disk("c.img,zip")


@pytest.mark.parametrize(("text", "size"), [("64M", 64 << 20), ("1g", 1 << 30), ("512", 512)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_five_disks_do_not_fit() -> None:
    from hv.root.disk import MemoryDisk

    with pytest.raises(ConfigError, match="room for 4"):
        Machine(MachineConfig(), media=tuple(MemoryDisk(512) for _ in range(5)))
