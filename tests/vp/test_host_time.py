"""The host's time by exit: measured only when asked for, and nothing else changes."""

import msgspec
import pytest

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.machine import Machine
from hv.root.result import Result, make_result, to_json
from hv.vp.accounting import Accounting
from hv.vp.host_time import HostTimer

MEMORY = 4 << 20
GUEST = """
.code32
    mov ecx, 10
again:
    in al, 0x61
    mov eax, [0xfee00030]
    dec ecx
    jnz again
    cpuid
    rdtsc
    mov ecx, 0x1b
    rdmsr
    mov al, 0
    out 0xf4, al
"""


def result_of(*, host_time: bool) -> Result:
    code = assemble_text(GUEST, name="test", origin=0x100000).code
    options = LoadOptions(memory=MEMORY, format="flat", origin=0x100000, mode=Mode.PROTECTED32)
    image = load_bytes(code, options, name="test")
    machine = Machine(MachineConfig(memory=MEMORY), image, host_time=host_time)
    return make_result(machine, machine.run())


@pytest.mark.parametrize("accelerated", ["0", "1"])
def test_everything_but_the_host_time_is_the_same(
    accelerated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HV_ACCEL", accelerated)
    plain, measured = result_of(host_time=False), result_of(host_time=True)
    assert plain.host is msgspec.UNSET
    assert b'"host"' not in to_json(plain)
    assert to_json(msgspec.structs.replace(measured, host=msgspec.UNSET)) == to_json(plain)


@pytest.mark.parametrize("accelerated", ["0", "1"])
def test_every_kind_of_exit_took_some_time(
    accelerated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HV_ACCEL", accelerated)
    result = result_of(host_time=True)
    assert result.host is not msgspec.UNSET
    rows = {(row.reason, row.device): (row.count, row.host_ns) for row in result.host}
    assert rows.keys() == {
        ("port_read", "port61"),
        ("port_write", "debug exit"),
        ("mmio_read", "local apic"),
        ("cpuid", "processor"),
        ("msr_read", "local apic"),
    }
    assert rows["port_read", "port61"][0] == 10
    assert all(ns > 0 for _, ns in rows.values())


def test_time_goes_to_the_exit_that_was_counted_and_to_no_other() -> None:
    exits = Accounting(memoryview(bytearray(8 * 12)).cast("Q"))
    ticks = iter(range(0, 1000, 10))
    timer = HostTimer(exits, lambda: next(ticks))

    def answered() -> None:
        exits.hit(1, 0x60, 1)

    def nothing() -> None:
        """No exit is counted here."""

    def failed() -> None:
        exits.hit(1, 0x64, 1)
        raise RuntimeError

    timer.timed(answered)()
    timer.timed(nothing)()
    timer.timed(answered)()
    with pytest.raises(RuntimeError):
        timer.timed(failed)()
    assert sorted(exits.host_ns().values()) == [10, 20]
