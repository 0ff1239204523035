"""The board's PCI bus by its ports: who is where, what moves with which register, what DMA does to memory."""

import pytest

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.disk import MemoryDisk
from hv.root.images import flat_options
from hv.root.machine import Machine
from hv.vp import Ending

MEMORY = 2 << 20
CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC
HOST_BRIDGE, ISA_BRIDGE, IDE = 0x80000000, 0x80000800, 0x80000900
COMMAND, BAR4, IDETIM = 0x04, 0x20, 0x40
IO_ENABLE, BUS_MASTER = 0x01, 0x04
BUS_MASTER_PORT = 0xC000
LEGACY = (*range(0x1F0, 0x1F8), 0x3F6, *range(0x170, 0x178), 0x376)


class Pc:
    """A machine with four disks, from its port bus."""

    def __init__(self) -> None:
        disks = tuple(MemoryDisk(f"disk{unit}...".encode() * 64 * 64) for unit in range(4))
        self.machine = Machine(MachineConfig(memory=MEMORY), media=disks)
        self.ports = self.machine.partition.ports

    def read_config(self, where: int, width: int = 4) -> int:
        self.ports.write(CONFIG_ADDRESS, where & ~3, 4)
        return self.ports.read(CONFIG_DATA + (where & 3), width)

    def write_config(self, where: int, value: int, width: int = 4) -> None:
        self.ports.write(CONFIG_ADDRESS, where & ~3, 4)
        self.ports.write(CONFIG_DATA + (where & 3), value, width)

    def decoded(self, device: str) -> list[int]:
        return [port for port in range(0x10000) if self.ports.device_at(port) == device]

    def run(self, ns: int) -> None:
        clock = self.machine.partition.clock
        clock.skip_to(clock.now() + ns)
        clock.run_due()

    def send_command(self, code: int, lba: int, count: int) -> None:
        for port, value in ((0x1F2, count), (0x1F3, lba), (0x1F4, 0), (0x1F5, 0), (0x1F6, 0xE0)):
            self.ports.write(port, value, 1)
        self.ports.write(0x1F7, code, 1)


@pytest.fixture
def pc() -> Pc:
    return Pc()


def test_three_functions_and_nobody_else(pc: Pc) -> None:
    found = {
        (device, function): pc.read_config(0x80000000 | device << 11 | function << 8)
        for device in range(32)
        for function in range(8)
    }
    assert {where: value for where, value in found.items() if value != 0xFFFFFFFF} == {
        (0, 0): 0x12378086,
        (1, 0): 0x70008086,
        (1, 1): 0x70108086,
    }


def test_the_reset_control_register_lives_between_the_address_bytes(pc: Pc) -> None:
    pc.ports.write(CONFIG_ADDRESS, 0x80000000, 4)
    pc.ports.write(0xCF9, 0x02, 1)
    assert pc.ports.read(0xCF9, 1) == 0x02
    assert pc.ports.read(CONFIG_ADDRESS, 4) == 0x80000000
    pc.ports.write(0xCF9, 0x06, 1)
    assert pc.machine.run().ending is Ending.RESET


def test_an_address_write_is_no_reset(pc: Pc) -> None:
    pc.ports.write(CONFIG_ADDRESS, 0x80000604, 4)  # byte 1 would be one
    assert pc.ports.read(0xCF9, 1) == 0


def test_the_interface_is_where_firmware_puts_it(pc: Pc) -> None:
    assert pc.read_config(IDE | COMMAND, 2) == IO_ENABLE | BUS_MASTER
    assert pc.read_config(IDE | BAR4) == BUS_MASTER_PORT | 1
    assert pc.read_config(IDE | IDETIM) == 0x80008000
    assert pc.decoded("bus master ide") == list(range(BUS_MASTER_PORT, BUS_MASTER_PORT + 16))
    assert all(pc.ports.device_at(port).startswith("ata") for port in LEGACY)


def test_without_the_io_enable_all_its_ports_are_open_bus(pc: Pc) -> None:
    pc.write_config(IDE | COMMAND, 0, 2)
    assert pc.decoded("bus master ide") == pc.decoded("ata0") == pc.decoded("ata1") == []
    assert pc.ports.read(0x1F7, 1) == 0xFF
    pc.write_config(IDE | COMMAND, IO_ENABLE, 2)
    assert pc.ports.read(0x1F7, 1) == 0x50
    assert len(pc.decoded("bus master ide")) == 16


def test_a_channel_can_be_switched_off(pc: Pc) -> None:
    pc.write_config(IDE | IDETIM, 0, 2)
    assert pc.decoded("ata0") == []
    assert pc.decoded("ata1") == [*range(0x170, 0x178), 0x376]


def test_the_bus_master_registers_follow_their_base(pc: Pc) -> None:
    pc.ports.write(BUS_MASTER_PORT + 4, 0x12340000, 4)
    pc.write_config(IDE | BAR4, 0x0000E00D)
    assert pc.decoded("bus master ide") == list(range(0xE000, 0xE010))
    assert pc.ports.read(0xE004, 4) == 0x12340000
    pc.write_config(IDE | BAR4, 0)
    assert pc.decoded("bus master ide") == []


def test_a_base_on_top_of_another_chip_takes_nothing_from_it(pc: Pc) -> None:
    for base in (0x20, 0x60, 0x1F0, 0x3F0, 0xCF0, 0xFFF0):
        pc.write_config(IDE | BAR4, base)
        assert len(pc.decoded("ata0")) == 9
        assert pc.decoded("i8042") == [0x60, 0x64]
        assert pc.decoded("i8259a") == [0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1]
        assert len(pc.decoded("com1")) == 8
        assert pc.decoded("pci") == [0xCF8, *range(0xCFC, 0xD00)]
    pc.write_config(IDE | BAR4, BUS_MASTER_PORT)
    assert len(pc.decoded("bus master ide")) == 16


def test_a_channel_that_comes_back_takes_its_ports_from_the_base(pc: Pc) -> None:
    pc.write_config(IDE | IDETIM, 0, 2)
    pc.write_config(IDE | BAR4, 0x1F0)
    assert len(pc.decoded("bus master ide")) == 16
    pc.write_config(IDE | IDETIM, 0x8000, 2)
    assert len(pc.decoded("ata0")) == 9
    assert pc.decoded("bus master ide") == list(range(0x1F8, 0x200))


def test_each_channel_has_an_engine_and_a_wire_to_it(pc: Pc) -> None:
    pc.send_command(0xEC, 0, 0)  # IDENTIFY interrupts
    pc.run(10_000)
    assert pc.ports.read(BUS_MASTER_PORT + 2, 1) == 0x04
    assert pc.ports.read(BUS_MASTER_PORT + 10, 1) == 0


@pytest.mark.parametrize(
    ("registers", "command_block", "device", "text"),
    [
        (0xC000, 0x1F0, 0xE0, b"disk0..."),
        (0xC000, 0x1F0, 0xF0, b"disk1..."),
        (0xC008, 0x170, 0xE0, b"disk2..."),
        (0xC008, 0x170, 0xF0, b"disk3..."),
    ],
)
def test_all_four_disks_are_read_by_dma(
    pc: Pc, registers: int, command_block: int, device: int, text: bytes
) -> None:
    memory = pc.machine.partition.memory
    memory.write(0x1000, bytes.fromhex("0020000000040080"))  # 1024 bytes at 2000h, the last
    pc.ports.write(registers + 4, 0x1000, 4)
    for offset, value in ((6, device), (2, 2), (3, 7), (4, 0), (5, 0), (7, 0xC8)):
        pc.ports.write(command_block + offset, value, 1)
    pc.ports.write(registers, 0x09, 1)
    pc.run(10_000)
    assert pc.ports.read(registers + 2, 1) == 0x04
    assert memory.read(0x2000, 1024) == text * 128
    assert memory.read(0x2400, 8) == bytes(8)


@pytest.mark.parametrize("base", [MEMORY, 0xFEE00000, 0xFFFFFFFE])
def test_above_memory_nobody_answers_a_bus_master(pc: Pc, base: int) -> None:
    memory = pc.machine.partition.memory
    memory.write(0x1000, base.to_bytes(4, "little") + (0x80000200).to_bytes(4, "little"))
    pc.ports.write(BUS_MASTER_PORT + 4, 0x1000, 4)
    pc.send_command(0xC8, 0, 1)
    pc.ports.write(BUS_MASTER_PORT, 0x09, 1)
    pc.run(10_000)
    assert pc.ports.read(BUS_MASTER_PORT + 2, 1) == 0x02
    assert pc.read_config(IDE | 0x06, 2) == 0x2280
    assert pc.read_config(HOST_BRIDGE | 0x06, 2) == 0x0280


@pytest.mark.parametrize("base", [0xF0000, 0xC0000])
def test_what_is_written_to_rom_and_holes_below_1_mib_is_lost(pc: Pc, base: int) -> None:
    memory = pc.machine.partition.memory
    before = memory.read(base, 512)
    memory.write(0x1000, base.to_bytes(4, "little") + (0x80000200).to_bytes(4, "little"))
    pc.ports.write(BUS_MASTER_PORT + 4, 0x1000, 4)
    pc.send_command(0xC8, 0, 1)
    pc.ports.write(BUS_MASTER_PORT, 0x09, 1)
    pc.run(10_000)
    assert pc.ports.read(BUS_MASTER_PORT + 2, 1) == 0x04
    assert memory.read(base, 512) == before


OVERWRITTEN_CODE = """
    mov dword ptr [0x1000], 0x9000      // one region: a sector over the code at 9000h
    mov dword ptr [0x1004], 0x80000200
    mov byte ptr [0x9000], 0xB0         // mov al, 1; ret
    mov word ptr [0x9001], 0xC301
    mov cx, 100
warm:
    call far_code
    loop warm
    mov dx, 0xC004
    mov eax, 0x1000
    out dx, eax
    mov dx, 0x1F2
    mov al, 1
    out dx, al
    inc dx
    xor al, al
    out dx, al
    inc dx
    out dx, al
    inc dx
    out dx, al
    inc dx
    mov al, 0xE0
    out dx, al
    inc dx
    mov al, 0xC8
    out dx, al
    mov dx, 0xC000
    mov al, 9
    out dx, al
    mov dx, 0xC002
wait:
    in al, dx
    test al, 4
    jz wait
    call far_code
    out 0xF4, al
    .org 0x1400
far_code:
"""


def test_code_that_a_bus_master_overwrites_runs_as_it_is_now() -> None:
    source = ".code16\n" + OVERWRITTEN_CODE
    assembly = assemble_text(source, name="test", origin=0x7C00)
    options = flat_options(assembly, LoadOptions(memory=MEMORY, mode=Mode(16)))
    disk = MemoryDisk(b"\xb0\x2a\xc3".ljust(512, b"\0"))  # mov al, 42; ret
    image = load_bytes(assembly.code, options, name="test")
    machine = Machine(MachineConfig(memory=MEMORY), image, media=(disk,))
    end = machine.run(1_000_000)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 42)
