"""The Hyper-V side: a hypercall's round trip, Linux with and without the interface, disks by both paths."""

import tempfile
from pathlib import Path

from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.machine import Machine
from tests.bench.measure import Contender, alone, compare
from tests.linux import initramfs
from tests.linux.packages import FETCHED
from tests.machines import flat

CALLS = 50_000
HYPERCALLS = """
    mov ecx, 0x40000000         # who we are
    mov edx, 0x8f000000
    mov eax, 1
    wrmsr
    inc ecx                     # the hypercall page, at 2 MiB
    mov eax, 0x200001
    xor edx, edx
    wrmsr
    mov ebx, {calls}
    mov rsp, 0x180000
again:
    mov rcx, 0x1005d            # HvCallSignalEvent, fast, to a connection that is not there
    mov edx, 0x123
    mov eax, 0x200000
    call rax
    dec ebx
    jnz again
    mov al, 0
    out 0xf4, al
"""
MEMORY = 256
COMMAND_LINE = "console=ttyS0 panic=-1 {extra}"
REACHED = b"MARK init=started"


def hypercall() -> None:
    def run() -> float:
        machine = flat(HYPERCALLS.format(calls=CALLS), bits=64, origin=0x100000, memory=4 << 20)
        start = host_seconds()
        machine.run()
        return (host_seconds() - start) / CALLS * 1e6

    alone("hypercall round trip, in microseconds", run, "<= 10 us")


def _boot(initrd: Path, hv: str) -> float:
    start = host_seconds()
    options = LoadOptions(
        memory=MEMORY << 20, command_line=COMMAND_LINE.format(extra=""), initrd=(initrd,)
    )
    image = load(FETCHED.kernel("cloud"), options)
    machine = Machine(MachineConfig(memory=MEMORY << 20, hv=hv), image)
    machine.run(slice_insns=2_000_000, between=lambda: REACHED not in machine.serial_log)
    return host_seconds() - start


def linux_enlightened() -> None:
    with tempfile.TemporaryDirectory() as folder:
        initrd = Path(folder) / "initramfs.cpio"
        initrd.write_bytes(initramfs.build("cloud"))
        compare(
            "Linux to its init script",
            Contender("hv all", lambda: _boot(initrd, "all")),
            Contender("hv none", lambda: _boot(initrd, "none")),
            "ratio <= 1",
            0,
            "",
        )
