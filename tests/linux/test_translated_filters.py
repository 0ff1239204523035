"""Linux translates socket filters into machine code that it writes at another address than it runs."""

import struct
from pathlib import Path

import pytest

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.linux_guest import cpio
from hv.root.machine import Machine
from tests.linux import initramfs
from tests.linux.console import BUDGET, COMMAND_LINE, MEMORY
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

SOURCE = Path(__file__).with_name("filters.asm")
ROUNDS = 200
LOAD_ADDRESS = 0x400000
ELF_HEADER, PROGRAM_HEADER = 64, 56
READ_WRITE_EXECUTE = 7
INIT = b"""#!/bin/busybox sh
busybox mount -t proc none /proc
busybox ifconfig lo 127.0.0.1 up
echo 1 > /proc/sys/net/core/bpf_jit_enable
echo MARK translating=$(busybox cat /proc/sys/net/core/bpf_jit_enable)
/bin/filters
echo MARK wrong=$?
busybox reboot -f
"""


def program() -> bytes:
    """filters.asm as an ELF file of one segment (System V ABI, AMD64 supplement)."""
    headers = ELF_HEADER + PROGRAM_HEADER
    source = f".equ ROUNDS, {ROUNDS}\n" + SOURCE.read_text()
    code = assemble_text(source, name=SOURCE.name, origin=LOAD_ADDRESS + headers).code
    size = headers + len(code)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little-endian, version 1
    executable, amd64, version = 2, 62, 1
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(identity, executable, amd64, version, LOAD_ADDRESS + headers, ELF_HEADER, 0, 0),
        *(ELF_HEADER, PROGRAM_HEADER, 1, 0, 0, 0),
    )
    loadable, alignment = 1, 0x1000
    segment = struct.pack(
        "<IIQQQQQQ",
        *(loadable, READ_WRITE_EXECUTE, 0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, alignment),
    )
    return header + segment + code


def test_every_filter_does_what_it_says(flavour: str, tmp_path: Path) -> None:
    initrd = tmp_path / "initramfs.cpio"
    initrd.write_bytes(
        cpio.archive(
            [
                cpio.file("init", INIT, 0o755),
                cpio.file("bin/busybox", FETCHED.busybox().read_bytes(), 0o755),
                cpio.file("bin/filters", program(), 0o755),
                cpio.character_device("dev/console", 5, 1),
                cpio.directory("proc"),
            ]
        )
    )
    command_line = f"{COMMAND_LINE} acpi=off reboot=k"
    options = LoadOptions(memory=MEMORY, command_line=command_line, initrd=(initrd,))
    machine = Machine(MachineConfig(memory=MEMORY), load(FETCHED.kernel(flavour), options))
    machine.run(BUDGET)
    marks = initramfs.marks(bytes(machine.serial_log))
    assert marks == {"translating": "1", "wrong": "0"}
