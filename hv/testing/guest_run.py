"""One run of a guest as a test sees it: plain data, the same whether a child process made it or not."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hv.testing.steps import Step

if TYPE_CHECKING:
    from hv.live import LiveMachine
    from hv.vp import End


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be made."""

    image: str | bytes | None
    options: Mapping[str, Any]
    max_insns: int
    """Of the run, and of each step before it."""
    after: tuple[Step, ...] | None = None
    """It goes on from where these have brought the machine; None: from power-on."""


@dataclass(frozen=True, slots=True, repr=False)
class GuestRun:
    """What came of it. ``result`` is ``hv.result/1`` as dictionaries and lists."""

    result: Mapping[str, Any]
    serial_bytes: bytes
    text_bytes: bytes
    post_codes: tuple[int, ...]
    latest_exits: tuple[str, ...]
    reports: tuple[str, ...]
    hang: str
    """Where it hangs, when it ended by its budget or stuck."""
    disk_image: bytes | None
    """The disk that was assembled for it."""

    def __repr__(self) -> str:
        return f"<GuestRun {self.ending}, {self.insns} instructions>"

    @property
    def serial(self) -> str:
        """What the guest sent by COM1, a character a byte."""
        return self.serial_bytes.decode("latin-1")

    @property
    def outcome(self) -> str:
        return str(self.result["outcome"])

    @property
    def passed(self) -> bool:
        """The guest said that all is well."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        return int(self.result["exit_code"])

    @property
    def guest_code(self) -> int | None:
        """What it wrote to the exit port, if it ended so."""
        code = self.result["guest_code"]
        return None if code is None else int(code)

    @property
    def insns(self) -> int:
        return int(self.result["insns"])

    @property
    def vtime_ns(self) -> int:
        return int(self.result["vtime_ns"])

    def exits(self, reason: str | None = None, device: str | None = None) -> int:
        """Exits for a reason, at a device; all of them by default."""
        return sum(
            row["count"]
            for row in self.result["exits"]
            if reason in (None, row["reason"]) and device in (None, row["device"])
        )

    @property
    def ending(self) -> str:
        """How it ended, in a line."""
        code = self.guest_code
        shown = f" {code}" if code else ""
        detail = f": {self.result['detail']}" if self.result["detail"] else ""
        return f"{self.outcome}{shown}{detail}"


def asked_for(job: Job) -> str:
    """The machine that a job asks for, in words, and the age of every file that is named: cheap, and the
    same only within one process.
    """
    image = hashlib.sha256(job.image).digest() if isinstance(job.image, bytes) else job.image
    names = [image, *_texts(job.options.values())]
    ages = [_age(name.partition(",")[0]) for name in names if isinstance(name, str)]
    return repr((image, sorted(job.options.items()), ages))


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from _texts(value)


def _age(name: str) -> object:
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def describe_machine(machine: "LiveMachine", end: "End") -> GuestRun:
    """What came of a machine that ran to ``end``. When that is no end, looking runs it on by some blocks."""
    import msgspec

    from hv.vp import Ending

    result = msgspec.to_builtins(machine.result(end))
    exits = tuple(machine.latest_exits())
    image = machine.program.image if machine.program else None
    disk = image.disk.source if image is not None and image.disk is not None else None
    stands = end.ending in (Ending.BUDGET, Ending.STUCK, Ending.STOPPED)
    return GuestRun(
        result=result,
        serial_bytes=machine.serial_bytes,
        text_bytes=bytes(machine.internal.text_log),
        post_codes=machine.post_codes,
        latest_exits=exits,
        reports=tuple(machine.reports),
        hang=machine.hang().text() if stands else "",
        disk_image=disk if isinstance(disk, bytes) else None,
    )
