"""The BIOS on the machine: its services as guests see them, and what it shows when there is no guest."""

import os
from pathlib import Path
from typing import Literal

import pytest

from hv.config import DiskConfig, MachineConfig
from hv.loaders import BootDisk, BootImage
from hv.root.keys import parse_keys
from hv.root.machine import Machine
from hv.root.screen import as_text
from hv.types import SECTOR_SIZE
from hv.vp import Ending
from tests.firmware.cases import CASES, GUEST_BYTES, HERE, SECTORS, Case, boot_medium

BUDGET = 5_000_000
"""Instructions that no guest here comes near."""

PIT_TICK_NS = 54_925_401
SCROLL_LED, NUM_LED, CAPS_LED = 1, 2, 4


def machine(
    medium: bytes | Path,
    *,
    floppy: bool = False,
    memory: int = 16 << 20,
    disks: tuple[DiskConfig, ...] = (),
    boot: Literal["auto", "floppy", "disk"] = "auto",
) -> Machine:
    image = BootImage("disk", "test", ("test",), disk=BootDisk(source=medium, floppy=floppy))
    return Machine(MachineConfig(memory=memory, disks=disks, boot=boot), image)


def guest(name: str) -> bytes:
    return boot_medium(HERE / "guests" / f"{name}.asm", SECTORS["disk"])


def screen(of: Machine) -> str:
    return as_text(of.board.vga.snapshot())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_guest_sees_what_it_should(case: Case) -> None:
    pc = machine(case.image(), floppy=case.medium == "floppy", memory=case.memory)
    end = pc.run(BUDGET)
    assert pc.serial_log.decode() == case.expected
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0)


@pytest.mark.parametrize("mib", [2, 16, 17, 63, 65, 200])
def test_memory_is_told_alike_by_every_service(mib: int) -> None:
    pc = machine(guest("system"), memory=mib << 20)
    pc.run(BUDGET)
    extended = (mib - 1) << 10
    below_16m, above_16m = min(extended, 15 << 10), max(mib - 16, 0) << 4
    sizes, *rest = pc.serial_log.decode().splitlines()
    assert sizes == (
        f" ax={min(extended, 0xFC00):04X} - ax={below_16m:04X} -"
        f" {above_16m:04X} {below_16m:04X} {above_16m:04X}"
    )
    entry = f"0000000000100000 {extended << 10:016X} 00000001"
    assert any(line.startswith(entry) for line in rest)


def test_the_banner_is_one_line() -> None:
    pc = machine(guest("echo"), memory=24 << 20)
    pc.run(BUDGET // 10)
    assert screen(pc) == "hv BIOS 1.0  24 MiB"


def test_typed_keys_arrive_and_the_indicators_follow() -> None:
    pc = machine(guest("echo"))
    pc.hand.play(parse_keys("<wait:100ms>Hi<caps>x<num><up><esc>"))
    end = pc.run(BUDGET)
    assert end.ending is Ending.DEBUG_EXIT
    assert pc.serial_log.decode() == " 2348 1769 2D58 48E0\n"
    assert pc.board.keyboard.state.leds == CAPS_LED | NUM_LED


def test_a_disk_beyond_28_bits_is_read_and_written_on_both_sides_of_the_border(
    tmp_path: Path,
) -> None:
    path = tmp_path / "big.img"
    path.write_bytes(boot_medium(HERE / "guests" / "bigdisk.asm", GUEST_BYTES // SECTOR_SIZE))
    os.truncate(path, ((1 << 28) + 64) * SECTOR_SIZE)
    pc = machine(path)
    end = pc.run(BUDGET)
    pc.close()
    assert pc.serial_log.decode() == (HERE / "expected" / "bigdisk.txt").read_text()
    assert end.ending is Ending.DEBUG_EXIT


@pytest.mark.parametrize(
    ("floppy_boots", "order", "drive"),
    [(True, "auto", "00"), (True, "disk", "80"), (False, "auto", "80")],
)
def test_the_boot_order_is_followed_to_the_first_medium_that_boots(
    tmp_path: Path, floppy_boots: bool, order: Literal["auto", "disk"], drive: str
) -> None:
    floppy = tmp_path / "a.img"
    source = HERE / "guests" / "boot.asm"
    contents = boot_medium(source, SECTORS["floppy"])
    floppy.write_bytes(contents if floppy_boots else bytes(len(contents)))
    disks = (DiskConfig(str(floppy), bus="floppy"),)
    pc = machine(guest("boot"), disks=disks, boot=order)
    pc.run(BUDGET)
    assert pc.serial_log.startswith(f"drive={drive} ".encode())


DRIVES = (
    # sectors beyond whole GiB tell them apart; last cylinder, heads and sectors as INT 13h/08h packs them
    (SECTORS["disk"], "0F3F 0F"),  # the drive's own 16 cylinders
    (2048, "013F 0F"),
    ((3 << 21) + 3, "0BFF 7F"),  # 3 GiB: 128 heads, 780 cylinders
    ((40 << 21) + 5, "FFFF FE"),  # 40 GiB: as much of it as 1024 cylinders of 255 heads hold
)


def test_hard_disks_are_numbered_in_the_order_of_their_channels(tmp_path: Path) -> None:
    disks = []
    for sectors, _ in DRIVES[1:]:
        path = tmp_path / str(sectors)
        path.write_bytes(bytes(33 * SECTOR_SIZE) + sectors.to_bytes(4, "little"))
        os.truncate(path, sectors * SECTOR_SIZE)
        disks.append(DiskConfig(str(path), bus="ide"))
    pc = machine(guest("drives"), disks=tuple(disks))
    pc.run(BUDGET)
    pc.close()
    count, *lines, first_table, second_table = pc.serial_log.decode().splitlines()
    marks = (33, *(sectors & 0xFFFF for sectors, _ in DRIVES[1:]))
    assert count == "disks=04"
    assert lines == [
        f"{drive:02X} type=03 sectors={sectors:08X} geometry={geometry} - data={mark:04X}"
        for drive, ((sectors, geometry), mark) in enumerate(zip(DRIVES, marks, strict=True), 0x80)
    ]
    assert (first_table, second_table) == ("table=0010 10 3F", "table=0002 10 3F")


def test_without_anything_to_boot_it_says_so_and_waits_for_the_keyboard() -> None:
    pc = machine(bytes(64 * SECTOR_SIZE))
    assert pc.run(BUDGET // 10).ending is Ending.BUDGET  # the timer keeps it alive
    assert screen(pc).splitlines()[-1] == "No bootable device"
    pc.hand.play(parse_keys("<ctrl-alt-del>"))
    before = pc.insns
    pc.run(before + 200_000)
    assert pc.partition.memory.read(0x472, 2) == b"\x34\x12"  # a warm start
    assert screen(pc).splitlines()[-1] == "No bootable device"


def test_an_unhandled_fault_is_named_and_stops_the_machine() -> None:
    pc = machine(guest("fault"))
    assert pc.run(BUDGET).ending is Ending.STUCK
    assert "Processor exception 00 at 0000:7E05, system halted" in screen(pc)


def test_power_on_takes_few_instructions_and_exits() -> None:
    boot_sector = (
        bytes.fromhex("B000E6F4").ljust(510, b"\0") + b"\x55\xaa"
    )  # mov al, 0; out F4h, al
    pc = machine(boot_sector.ljust(64 * SECTOR_SIZE, b"\0"))
    assert pc.run(BUDGET).ending is Ending.DEBUG_EXIT
    assert pc.insns < 20_000
    assert pc.partition.vp.exits.total < 800


def test_waiting_sleeps() -> None:
    """A quarter of a second by INT 15h/86h, and no loop over a port."""
    pc = machine(guest("system"))
    pc.run(BUDGET)
    assert pc.vtime_ns > 5 * PIT_TICK_NS
    assert pc.insns < 200_000
