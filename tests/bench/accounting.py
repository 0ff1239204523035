"""What counting exits costs: the same run with the accounting, and with one that only charges for exits.

In processor time, for the difference is small.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from hv.cpu.pace import EXTRA
from hv.stats import PRICE, Row
from hv.vp.accounting import Accounting
from tests.bench.engine import PORT_LOOPS, port_exits
from tests.bench.linux import boot_seconds
from tests.bench.measure import Contender, compare, cpu_seconds
from tests.linux import initramfs

TARGET = "ratio <= 1.05"


class ChargeOnly(Accounting):
    """Finds the price of an exit and charges it: virtual time passes as ever, so the guest does the same."""

    def hit(self, reason: int, target: int, width: int) -> Row:
        key = target << 12 | reason << 4 | width
        row = self._rows.get(key) or self._new_row(key)
        self._pace[EXTRA] += row[PRICE]
        return row


def _uncounted(run: Callable[[], float]) -> Callable[[], float]:
    def seconds() -> float:
        with patch("hv.vp.core.Accounting", ChargeOnly):
            return run()

    return seconds


def _on_and_off(title: str, run: Callable[[], float], work: float, unit: str) -> None:
    on = Contender("exits counted", run)
    compare(title, on, Contender("exits only charged for", _uncounted(run)), TARGET, work, unit)


def counting() -> None:
    exits = 2 * PORT_LOOPS / 1e6
    _on_and_off(
        "accounting, a loop of port exits", lambda: port_exits(cpu_seconds), exits, "M exits/s"
    )
    with tempfile.TemporaryDirectory() as folder:
        initrd = Path(folder) / "initramfs.cpio"
        initrd.write_bytes(initramfs.build("cloud"))
        _on_and_off(
            "accounting, Debian's cloud kernel to its init script",
            lambda: boot_seconds(initrd, cpu_seconds),
            *(0, ""),
        )
