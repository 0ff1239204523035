"""Recording a run: what the host gives is journaled with the moment at which it was given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

import hv
from hv.cpu.engine import UNICORN_VERSION
from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.root.journal.file import Writer
from hv.root.journal.host import HostHand
from hv.root.journal.recipe import image_digest, named_files
from hv.root.journal.records import (
    Check,
    Finish,
    Header,
    HostInput,
    Input,
    Recipe,
    Serial,
    Stamp,
    next_check,
)
from hv.root.journal.state import digests
from hv.root.machine import UNLIMITED, Machine
from hv.root.result import outcome_of
from hv.vp import End, Ending

EVERY = 100_000
"""Instructions between two checks, at least."""


def versions() -> dict[str, str]:
    """Whose run it is: another version's may differ."""
    return {"hv": hv.__version__, "unicorn": UNICORN_VERSION}


class Recorder:
    """Runs a machine and gives it what comes from the host, with a journal of both.

    Everything that the host does to the machine after power-on goes through ``give``.
    """

    def __init__(self, machine: Machine, writer: Writer, every: int = EVERY) -> None:
        self.machine = machine
        self._writer = writer
        self._every = every
        self._hand = HostHand(machine)
        self._asked = Stamp(0, 0, 0)
        self._next_check = 0
        self._check()

    @staticmethod
    @contextmanager
    def to(
        path: Path, machine: Machine, recipe: Recipe, image: BootImage | None, every: int = EVERY
    ) -> Iterator["Recorder"]:
        """A recorder of ``machine``, just built from ``recipe`` and ``image``, into the file ``path``."""
        header = Header(
            schema="hv.journal/1",
            versions=versions(),
            start="power-on",
            recipe=recipe,
            image=image_digest(image),
            files=named_files(recipe),
            cost_model=machine.pricing.model.name,
            every=every,
        )
        try:
            file = path.open("wb")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        with file:
            writer = Writer(file)
            writer.write(header)
            recorder = Recorder(machine, writer, every)
            try:
                yield recorder
            finally:
                recorder.close()

    def give(self, what: HostInput) -> int:
        """Give ``what`` to the machine now; how many bytes a serial port took."""
        taken = self._hand.give(what)
        if isinstance(what, Serial):
            if not taken:
                return 0
            what = Serial(what.port, what.data[:taken])
        self._writer.write(Input(self._stamp(), what))
        return taken

    def serial(self, data: bytes, port: Literal["com1", "com2"] = "com1") -> int:
        """Send bytes to a serial port; how many it took."""
        return self.give(Serial(port, data))

    def run(
        self,
        max_insns: int = UNLIMITED,
        *,
        slice_insns: int = 20_000_000,
        between: Callable[[], bool] = lambda: True,
    ) -> End:
        """As ``Machine.run``, with checks of the state on the way."""
        machine = self.machine
        slice_end = machine.insns + slice_insns
        while True:
            until = min(max_insns, slice_end, self._next_check)
            end = machine.run(until)
            self._asked = Stamp(machine.insns, until, machine.vtime_ns)
            if end.ending is not Ending.BUDGET or machine.insns >= max_insns:
                return end
            if machine.insns >= self._next_check:
                self._check()
            if machine.insns >= slice_end:
                if not between():
                    return End(Ending.STOPPED, detail=f"stopped at {machine.partition.vp.where()}")
                slice_end = machine.insns + slice_insns

    def finish(self, end: End) -> None:
        """The run has ended."""
        machine = self.machine
        self._writer.write(
            Finish(
                at=self._stamp(),
                outcome=outcome_of(end)[0],
                guest_code=end.code if end.ending is Ending.DEBUG_EXIT else None,
                detail=end.detail,
                state_hash=machine.state_hash(),
                parts=digests(machine),
            )
        )

    def close(self) -> None:
        """Give back host files."""
        self._hand.close()

    def _stamp(self) -> Stamp:
        """Now. Where somebody else ran the machine, what he asked for is taken to be where it is."""
        machine = self.machine
        if machine.insns == self._asked.insns:
            return msgspec.structs.replace(self._asked, vtime_ns=machine.vtime_ns)
        return Stamp(machine.insns, machine.insns, machine.vtime_ns)

    def _check(self) -> None:
        self._writer.write(Check(self._stamp(), digests(self.machine)))
        self._next_check = next_check(self.machine.insns, self._every)
