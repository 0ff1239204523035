"""Debian's kernel under Debian's gdb, by address: a Debian kernel comes without symbols."""

from pathlib import Path

import pytest

from hv.config import MachineConfig
from hv.cpu.engine import Watch
from hv.cpu.state import RIP, RSP
from hv.loaders import LoadOptions, load
from hv.root.machine import UNLIMITED, Machine
from hv.root.result import make_result, to_json
from tests.debug.gdb import converse
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

MEMORY = 128
COMMAND_LINE = "console=ttyS0"
ENTRY = 0x1000000
KERNEL_MAP = 0xFFFFFFFF81000000  # where Linux maps its text, from ENTRY on
INSTRUCTIONS = 30_000_000
BUDGET_EXIT = 124
NO_MORE = "No more reverse-execution history"


def boot() -> Machine:
    options = LoadOptions(memory=MEMORY << 20, command_line=COMMAND_LINE)
    image = load(FETCHED.kernel("cloud"), options)
    return Machine(MachineConfig(memory=MEMORY << 20), image)


def undebugged() -> bytes:
    machine = boot()
    return to_json(make_result(machine, machine.run(INSTRUCTIONS)))


def a_kernel_address() -> tuple[int, bytes]:
    """Of an instruction that runs late, where the processor is after two thirds; and the bytes there."""
    machine = boot()
    machine.run(INSTRUCTIONS * 2 // 3)
    address = machine.partition.vp.state.q[RIP]
    return address, machine.partition.memory.read(address - KERNEL_MAP + ENTRY, 4)


def test_steps_and_breakpoints_change_nothing() -> None:
    machine = boot()
    vp, stops = machine.partition.vp, machine.partition.vp.debug()
    hits = 0
    for part in range(1, 10):
        machine.partition.run(INSTRUCTIONS * part // 10)
        stops.hold()
        addresses = set()
        for _ in range(300):
            stops.step()
            assert machine.partition.run(UNLIMITED) is None
            addresses.add(stops.pc())
        stops.stop_at(sorted(addresses)[::9])
        for _ in range(50):
            machine.partition.run(vp.retired() + 20_000)
            hits += stops.stop is not None
        stops.stop_at(())
    assert hits > 100
    assert to_json(make_result(machine, machine.run(INSTRUCTIONS))) == undebugged()


def test_a_watchpoint_changes_nothing() -> None:
    machine = boot()
    machine.run(INSTRUCTIONS // 2)
    vp = machine.partition.vp
    stops = vp.debug()
    stack = vp.linear.find(vp.state.q[RSP])
    assert stack is not None
    stops.watch([Watch(stack & -64, 64, reads=False, writes=True)])
    met = 0
    while machine.insns < INSTRUCTIONS * 3 // 4:
        machine.partition.run(machine.insns + 1_000_000)
        met += stops.stop is not None
    stops.watch(())
    assert met > 10
    assert to_json(make_result(machine, machine.run(INSTRUCTIONS))) == undebugged()


def test_backward_to_what_was_there_before(tmp_path: Path) -> None:
    """To the last write of a byte, over single steps, to a breakpoint, to the start; and to the same end."""
    stop, _ = a_kernel_address()
    lines = [
        ("connect", f"0x{ENTRY:016x} in"),
        (f"hbreak *{stop:#x}", "assisted breakpoint 1"),
        ("continue", f"Breakpoint 1, 0x{stop:016x} in"),
        ("delete", ""),
        ("p/x $pc", f"= {stop:#x}"),
        ("stepi 40", "in"),
        ("p/x $rsp", r"= 0x[0-9a-f]+"),
        ("set $place = $pc", ""),
        ("reverse-stepi 40", f"0x{stop:016x} in"),
        ("stepi 40", "in"),
        ("p $pc == $place", "= 1"),
        ("set $byte = (unsigned char *)($rsp - 8)", ""),
        ("watch *$byte", "Hardware watchpoint 2"),
        ("reverse-continue", r"Old value = .+\s+New value = .+\s+0x[0-9a-f]+ in"),
        ("stepi", r"Old value = .+\s+New value = .+\s+0x[0-9a-f]+ in"),
        ("delete", ""),
        (f"hbreak *{stop:#x}", "assisted breakpoint 3"),
        ("reverse-continue", f"Breakpoint 3, 0x{stop:016x} in"),
        ("delete", ""),
        ("reverse-continue", NO_MORE),
        ("monitor vtime", "^0 instructions"),
        ("continue", f"exited with code 0{BUDGET_EXIT:o}"),
    ]
    result = tmp_path / "result.json"
    arguments = [str(FETCHED.kernel("cloud")), "--memory", f"{MEMORY}M", "--append", COMMAND_LINE]
    arguments += ["--max-insns", str(INSTRUCTIONS), "--json", str(result)]
    transcript = converse(arguments, lines)
    assert transcript.exit_code == BUDGET_EXIT
    assert result.read_bytes() == undebugged()


def test_a_session(tmp_path: Path) -> None:
    address, code = a_kernel_address()
    assert address > KERNEL_MAP
    physical = address - KERNEL_MAP + ENTRY
    lines = [
        ("connect", f"0x{ENTRY:016x} in"),
        ("p/x $cr0", "= 0x80000011"),
        ("stepi 10", "in"),
        (f"x/4xb {address:#x}", "Cannot access memory"),  # not mapped yet
        (f"hbreak *{address:#x}", "assisted breakpoint 1"),
        ("continue", f"Breakpoint 1, 0x{address:016x} in"),
        (f"monitor phys {physical:#x} 4", f"{physical:010x}  {code.hex(' ')}"),
        (f"x/4xb {address:#x}", r"\s+".join(f"0x{byte:02x}" for byte in code)),
        ("p/x $gs_base >> 40", "= 0xffff"),
        ("p $efer & 0x400", "= 1024"),
        ("stepi 100", "in"),
        ("delete", ""),
        ("continue", f"exited with code 0{BUDGET_EXIT:o}"),
    ]
    result = tmp_path / "result.json"
    arguments = [str(FETCHED.kernel("cloud")), "--memory", f"{MEMORY}M", "--append", COMMAND_LINE]
    arguments += ["--max-insns", str(INSTRUCTIONS), "--json", str(result)]
    transcript = converse(arguments, lines)
    assert transcript.exit_code == BUDGET_EXIT
    assert result.read_bytes() == undebugged()
