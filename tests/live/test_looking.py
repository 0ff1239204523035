"""A live machine can be talked to and looked into: input, memory, registers, chips, hangs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import hv
from hv.errors import ConfigError
from tests.live.sources import PASS, boot_sector

COUNTING = """
    mov word [counter], 0x1234
    mov eax, 0x89abcdef
    mov si, ready
    call send
wait_for_key:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz wait_for_key
    mov dx, 0x3f8
    in al, dx
    mov [typed], al
    mov si, typed
    call send
"""
DATA = """
ready: db "ready", 10, 0
typed: db 0, 10, 0
counter: dw 0
"""


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    return boot_sector(tmp_path, COUNTING + PASS + DATA)


def test_naming_the_package_imports_no_engine() -> None:
    code = "import sys, hv; assert 'unicorn' not in sys.modules; hv.Machine; print('unicorn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"


def test_memory_by_symbol_and_by_address(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("ready")
        at = machine.symbols["counter"]
        assert machine.memory.read_int("counter", 2) == 0x1234
        assert machine.memory.read(at, 2) == machine.memory.read_physical(at, 2) == b"\x34\x12"
        assert machine.memory.translate("counter+1") == at + 1
        assert machine.memory.read_text("ready") == "ready\n"
        machine.memory.write_int("counter", 0xBEEF, 2)
        assert machine.memory.read_physical(at, 2) == b"\xef\xbe"
        with pytest.raises(ConfigError, match="no symbol 'nothing'"):
            machine.memory.read("nothing", 1)
        with pytest.raises(ConfigError, match="no RAM"):
            machine.memory.write_physical(0xF0000, b"rom")


def test_what_is_written_is_what_runs(guest: Path) -> None:
    """The loop that polls is replaced by code that passes: translated code must not survive."""
    with hv.Machine(guest) as machine:
        machine.expect("ready")
        machine.run(insns=1000)
        machine.memory.write("wait_for_key", b"\xb0\x00\xe6\xf4")  # mov al, 0; out 0xf4, al
        machine.finish(insns=1000)


def test_linear_memory_goes_by_the_page_tables() -> None:
    with hv.Machine("@long_mode") as machine:
        machine.expect("back in ring 0")
        assert machine.registers["cr0"] >> 31 == 1
        assert machine.registers["efer"] & 1 << 10
        rip = machine.registers["rip"]
        assert machine.memory.translate(rip) is not None
        with pytest.raises(ConfigError, match="nothing is mapped at linear"):
            machine.memory.read(0x7000_0000_0000, 1)
        with pytest.raises(ConfigError, match="nothing is mapped at linear"):
            machine.memory.write(0x7000_0000_0000, b"x")


def test_registers_by_name(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("ready")
        machine.run(insns=50)
        registers = machine.registers
        assert registers["eax"] >> 16 == 0x89AB
        assert registers["dx"] == 0x3FD
        assert registers["cs_base"] + registers["rip"] in range(0x7C00, 0x7E00)
        assert registers["ss"] == registers["ds"] == 0
        assert registers["rflags"] & 2
        assert set(registers) >= {"rax", "r15", "cr3", "gdtr_base", "idtr_limit", "xmm0", "tr_base"}
        assert len(dict(registers)) == len(registers)
        with pytest.raises(ConfigError, match="no register is called 'raxx'"):
            registers["raxx"]
        with pytest.raises(ConfigError, match="'cr3' cannot be set"):
            registers["cr3"] = 1


def test_registers_can_be_set(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("ready")
        machine.run(insns=50)
        flags = machine.registers["rflags"]
        machine.registers["rip"] = machine.symbols["start"]
        assert machine.registers["rflags"] == flags
        machine.expect("ready")


def test_the_serial_line_takes_what_is_written(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("ready\n")
        machine.write_serial("k")
        assert machine.expect(".").text == "k"
        machine.finish()
        with pytest.raises(ConfigError, match="serial line took"):
            machine.write_serial(bytes(1 << 20))


def test_keys_are_typed() -> None:
    with hv.Machine("@ps2_keyboard_echo", keys="") as machine:
        machine.expect("ready")
        machine.keys("Live!<ret>")
        machine.expect("you typed: Live!")
        machine.finish()


def test_the_mouse_moves_and_clicks() -> None:
    with hv.Machine("@ps2_mouse", mouse=[]) as machine:
        machine.expect("ready")
        machine.input.move_mouse(5, 3)
        machine.expect("packet 08 05 03")
        machine.input.click()
        machine.expect("packet 09 00 00")
        machine.finish()


def test_the_guest_is_asked_to_shut_down() -> None:
    with hv.Machine("@hv_shutdown", at=[]) as machine:
        assert machine.shutdown() is False, "its driver cannot listen yet"
        machine.expect("ready")
        machine.run(seconds=0.1)
        assert machine.shutdown() is True
        machine.finish()
    with hv.Machine("@hello", hv="none") as machine, pytest.raises(ConfigError, match="hv=none"):
        machine.shutdown()


READ_FLOPPY = """
again:
    mov ax, 0x0201
    mov bx, 0x8000
    mov cx, 2
    mov dx, 0
    int 0x13
    mov al, [0x8000]
    mov [typed], al
    mov si, typed
    call send
    mov si, 0
pause: dec si
    jnz pause
    jmp again
typed: db 0, 0
"""


def test_a_floppy_is_changed(tmp_path: Path) -> None:
    boot_sector(tmp_path, READ_FLOPPY)

    def floppy(letter: bytes) -> bytes:
        with hv.Machine(tmp_path / "guest.asm") as machine:
            assert machine.program is not None
            assert machine.program.image is not None
            assert machine.program.image.disk is not None
            sector = machine.program.image.disk.source
        assert isinstance(sector, bytes)
        return (sector[:512] + letter * 512).ljust(1440 * 1024, b"\0")

    with hv.Machine(floppy(b"a")) as machine:
        machine.expect("aaa")
        machine.input.insert_floppy(floppy(b"b"))
        machine.expect("bbb")
        with pytest.raises(ConfigError, match="no floppy drive 1"):
            machine.input.insert_floppy(floppy(b"c"), drive=1)


def test_a_disc_is_changed(tmp_path: Path) -> None:
    disc = tmp_path / "disc.iso"
    disc.write_bytes(bytes(2048 * 20))
    with hv.Machine("@endless_loop", cdroms=[str(disc)]) as machine:
        assert machine.input.eject_disc() is True
        machine.input.insert_disc(bytes(2048 * 4))
        units = machine.inspect("vmbus/storage/luns")
        assert len(units) == 1
        with pytest.raises(ConfigError, match="no such disc drive"):
            machine.input.eject_disc(lun=5)


def test_every_chip_shows_its_state_as_plain_data(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("ready")
        everything = machine.inspect()
        assert json.loads(json.dumps(everything)) == everything
        assert {"pit", "pic", "apic", "ioapic", "rtc", "ata0", "com1", "i8042"} < set(everything)
        assert {"vmbus", "hypervisor", "cpu", "vga", "pci", "keyboard"} < set(everything)
        assert set(machine.devices()) == set(everything)
        assert machine.inspect("pit/counters/0/initial") == 65536
        assert machine.inspect("pic/master/imr") == everything["pic"]["master"]["imr"]
        assert machine.inspect("cpu/rip") == machine.registers["rip"]
        for path, complaint in (
            ("flux", "no chip is called 'flux'"),
            ("pit/counters/9", "no '9' here, but 0 to 2"),
            ("pit/nothing", "no 'nothing' here, but counters"),
            ("post/code/0", "no '0' here, but nothing more"),
        ):
            with pytest.raises(ConfigError, match=complaint):
                machine.inspect(path)
    with hv.Machine(guest, hv="none") as machine:
        assert "vmbus" not in machine.devices()


def test_a_hang_says_where_and_on_what(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.run(insns=100_000)
        hang = machine.hang()
        assert hang.symbol.startswith("wait_for_key")
        assert "polls port 0x03fd (com1)" in hang.waits_for
        code = "\n".join(hang.code)
        assert "in al, dx" in code
        assert "je 0x" in code
        assert sum(line.startswith(">") for line in hang.code) == 1


def test_a_halted_guest_says_so(tmp_path: Path) -> None:
    with hv.Machine(boot_sector(tmp_path, "    cli\nasleep:\n    hlt\n")) as machine:
        machine.run(insns=1_000_000)
        hang = machine.hang()
        assert "IF=0" in hang.waits_for
        assert hang.code[0].endswith("hlt")
        assert hang.symbol == "asleep"


def test_the_latest_exits_are_remembered(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.run(insns=100_000)
        exits = machine.latest_exits()
        assert len(exits) == 256
        assert exits[-1].split()[1:] == ["port_read", "com1", "port", "0x03fd"]
