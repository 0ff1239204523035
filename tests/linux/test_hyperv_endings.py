"""How a Linux guest of Hyper-V ends when something goes wrong, or when the host wants it to start again."""

from pathlib import Path

import pytest

from hv.vp import Ending
from tests.linux import media
from tests.linux.hyperv_console import Host, boot_child, synthetic

pytestmark = pytest.mark.linux


def test_a_panic_ends_the_run_with_what_the_kernel_said(tmp_path: Path) -> None:
    boot = boot_child("cloud", "vmbus,panic", tmp_path, media.make(tmp_path))
    assert boot.end.ending is Ending.PANIC
    assert boot.end.detail.endswith("Kernel panic - not syncing: sysrq triggered crash")
    boot.machine.close()


def test_a_restart_from_the_host_resets_it(tmp_path: Path) -> None:
    checks, end = "vmbus,timesync,shutdown", "end=reboot"
    host = Host(reboot=True)
    boot = boot_child("cloud", checks, tmp_path, media.make(tmp_path), extra=end, host=host)
    assert b"hv_utils: Restart request received - graceful restart initiated" in boot.log
    assert boot.marks["shutdown_asked"] == "yes"
    assert boot.end.ending is Ending.RESET
    assert synthetic(boot.machine).shutdown.outcome == "accepted"
    boot.machine.close()
