"""A Linux guest of Hyper-V at a shell's prompt, booted once: how it ends, and that forks are strangers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hv.errors import GuestPanic
from hv.live import LiveMachine
from hv.testing.fixtures import MachineFactory
from hv.vp import Ending
from tests.linux import initramfs
from tests.linux.console import BUDGET, COMMAND_LINE
from tests.linux.packages import FETCHED

pytestmark = pytest.mark.linux

FORKS = 20

Fork = Callable[[], LiveMachine]


@pytest.fixture
def fork(vm: MachineFactory, tmp_path: Path) -> Fork:
    """``fork()``: a machine whose init script waits for a line of shell."""
    initrd = tmp_path / "initramfs.cpio"
    initrd.write_bytes(initramfs.build("cloud"))
    return lambda: vm.boot(
        FETCHED.kernel("cloud"),
        [("expect", "MARK init=asks\r\n")],
        memory="256M",
        initrd=[str(initrd)],
        append=f"{COMMAND_LINE} checks=ask",
    )


def test_a_panic_ends_the_run_with_what_the_kernel_said(fork: Fork) -> None:
    machine = fork()
    machine.write_serial("checks=vmbus,panic\n")
    with pytest.raises(GuestPanic, match="Kernel panic - not syncing: sysrq triggered crash"):
        machine.finish(BUDGET)


def test_a_restart_from_the_host_resets_it(fork: Fork) -> None:
    machine = fork()
    machine.write_serial("checks=vmbus,timesync,shutdown end=reboot\n")
    machine.expect("MARK shutdown=ask\r")
    assert machine.shutdown(reboot=True)
    end = machine.run(BUDGET)
    assert "hv_utils: Restart request received - graceful restart initiated" in machine.serial
    assert "MARK shutdown_asked=yes\r" in machine.serial
    assert end.ending is Ending.RESET
    assert machine.inspect("synthetic/shutdown/outcome") == "accepted"


def test_a_fork_finds_nothing_that_another_left(fork: Fork) -> None:
    starts = set()
    for number in range(FORKS):
        machine = fork()
        starts.add((machine.insns, machine.state_hash()))
        machine.write_serial(f"for f in /tmp/*; do mark saw=$f; done; > /tmp/left_by_{number}\n")
        assert machine.expect(r"MARK saw=(\S+)\r").groups == ("/tmp/*",)
        machine.expect("MARK init=done")
        machine.close()
    assert len(starts) == 1
