"""Boots of Debian's kernels for random checkpoints: to the init script, through its checks, to the reset."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hv.root.linux_guest.packages import FLAVOURS
from tests.linux.console import BUDGET
from tests.linux.test_checkpoints import KINDS, machine
from tests.soak.checkpoints import Guest


@contextmanager
def boots() -> Iterator[list[Guest]]:
    """Every kernel as a PC's and as a hypervisor's guest."""
    with TemporaryDirectory() as folder:
        yield [
            Guest(
                f"Linux, {flavour}, {kind}",
                lambda kind=kind, flavour=flavour: machine(kind, Path(folder), flavour),
                BUDGET,
            )
            for flavour in FLAVOURS
            for kind in KINDS
        ]
