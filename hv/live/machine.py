"""``hv.Machine``: one guest, live, in the hands of a program."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Unpack

from hv.cpu.exits import ExitReason
from hv.cpu.pace import NEVER
from hv.errors import ConfigError, PartitionStateError
from hv.live.endings import describe, error_for, passed, story
from hv.live.hang import Hang, HangSight
from hv.live.inputs import Input
from hv.live.inspection import Inspector
from hv.live.memory import MemoryAccess, Place
from hv.live.options import Options, check_options
from hv.live.program import ImageSource, Program, load_program
from hv.live.pulse import Pulse
from hv.live.recorder import FlightRecorder, Reached
from hv.live.registers import Registers
from hv.live.seat import Seat
from hv.live.serial import SerialMatch, SerialWatch
from hv.live.snapshot import Snapshot, Start
from hv.partition import PartitionState
from hv.root import checkpoint
from hv.root.checkpoint import Notes
from hv.root.journal.history import History
from hv.root.journal.host import HostHand
from hv.root.journal.moment import stamp
from hv.root.machine import UNLIMITED, Machine, Mark, Outputs
from hv.root.result import Interval, Result, interval, make_result
from hv.stats import ExitKey, Moment
from hv.vp import End, Ending, Stops

DEFAULT_BUDGET = 1_000_000_000
"""Instructions that a wait may take when nothing is said: a test ends."""

_NS = 1_000_000_000


class LiveMachine:
    """One guest, from power-on until it is closed; a context manager.

    ``image`` is a file, ``@sample``, bytes, or None to boot from disks; keywords are ``hv.live.Options``.
    Budgets are in guest time: ``insns`` retired or ``seconds`` of virtual time from now on, never the
    host's. Any thread may use a machine, one at a time.
    """

    def __init__(self, image: ImageSource = None, **options: Unpack[Options]) -> None:
        program = load_program(image, check_options(options))
        self._begin(program, program, Notes())

    @classmethod
    def resume(cls, path: str | Path) -> "LiveMachine":
        """The machine in a checkpoint's file, of ``save`` or of ``hv run --checkpoint``. ConfigError in one
        line for a file that is none.
        """
        return Snapshot.open(Path(path), cls._from).machine()

    @classmethod
    def _from(cls, snapshot: Snapshot) -> "LiveMachine":
        machine = cls.__new__(cls)
        machine._begin(snapshot, snapshot.program, snapshot.notes)
        return machine

    def _begin(self, start: Start, program: Program | None, notes: Notes) -> None:
        self.start = start
        """Where this machine began."""
        self.program = program
        """What it, or the machine that it was forked from, was powered on with; None: it was resumed."""
        self.reports: list[str] = list(notes.reports)
        """What planned deeds (``at``) brought, as ``hv run`` tells on stderr."""
        self._running = Lock()
        self.latest_end = End(Ending.STOPPED, detail="it has not run")
        """How the latest run ended; ``Ending.STOPPED`` when it came to what it waited for."""
        self._watch = SerialWatch(self._pause)
        outputs = Outputs(serial=self._watch.sink)
        self._seat = Seat(start.begin(outputs, self.reports.append))
        self._pulse = Pulse(self._seat, outputs, self.reports.append)
        self._watch.resume(self.internal.serial_log, notes.seen)
        self.history = History(stamp(self.internal))
        """What was given to it since its start."""
        self._hand = HostHand(self.internal, self.history.add, self.reports.append)
        self._seat.follow(self._reach)
        self.registers = Registers(self._seat, self._hand)
        self.memory = MemoryAccess(self._seat, lambda: self.symbols, self._hand)
        self.input = Input(self._hand)
        self._inspector = Inspector(self._seat, self.registers)
        self._recorder = FlightRecorder(self._seat)
        self._sight = HangSight(self._seat, self._recorder, self._pulse.run)

    def _reach(self, machine: Machine) -> None:
        self._hand.machine = machine

    @property
    def internal(self) -> Machine:
        """The machine underneath (hv.root.machine.Machine), for those who need more than this."""
        return self._seat.machine

    def __enter__(self) -> "LiveMachine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """The guest will not run again; host files are given back. What it left can be looked at."""
        self.internal.close()
        self._hand.close()

    # Keeping.

    def save(self, path: str | Path, *, shared_pages: bool = False) -> None:
        """Write the machine to a checkpoint's file, for ``resume`` and ``hv run``. ConfigError when it
        cannot be saved now. With ``shared_pages`` its pages go to the folder ``pages`` beside it, where all
        checkpoints of that folder have theirs.
        """
        with self._standing():
            checkpoint.save_checkpoint(
                self.internal, Path(path), shared_pages=shared_pages, notes=self._notes()
            )

    def snapshot(self) -> Snapshot:
        """The machine as it is now, from which any number of others can start."""
        with self._standing():
            content = checkpoint.Snapshot.of(self.internal, self._notes())
            return Snapshot(content, self.program, type(self)._from)

    def fork(self) -> "LiveMachine":
        """Another machine that goes on from here, pulsed like this one, to be closed by itself."""
        fork = self.snapshot().machine()
        fork.pulse_every = self.pulse_every
        return fork

    @property
    def pulse_every(self) -> int | None:
        """Save and restore the whole machine every so many instructions, whatever it runs for: nothing that
        is seen or counted changes. None, as at the start: it goes on as it is.
        """
        return self._pulse.every

    @pulse_every.setter
    def pulse_every(self, insns: int | None) -> None:
        self._pulse.every = insns

    @property
    def pulses(self) -> int:
        """How often it was."""
        return self._pulse.count

    @contextmanager
    def _standing(self) -> Iterator[None]:
        """The machine does not run meanwhile. PartitionStateError when it does, or never will again."""
        if not self._running.acquire(blocking=False):
            raise PartitionStateError("the machine is running")
        try:
            if self.internal.partition.state is PartitionState.FINALISED:
                raise PartitionStateError("the machine is closed")
            yield
        finally:
            self._running.release()

    def _notes(self) -> Notes:
        return Notes(seen=self._watch.seen, reports=tuple(self.reports))

    # Running.

    def run(self, insns: int | None = None, seconds: float | None = None) -> End:
        """Run to the guest's end, for ``insns`` instructions or for ``seconds``. Raises nothing of the
        guest's: the answer says how it ended, ``Ending.BUDGET`` when it has not.
        """
        return self._run(insns, seconds)

    def finish(self, insns: int | None = DEFAULT_BUDGET, seconds: float | None = None) -> End:
        """Run until the guest says that all is well. GuestError for any other end."""
        end = self._run(insns, seconds)
        if not passed(end):
            raise error_for(end, "the guest was to pass", self._story())
        return end

    def expect(
        self, pattern: str, budget: int | None = DEFAULT_BUDGET, seconds: float | None = None
    ) -> SerialMatch:
        """Run until COM1's text behind the last match holds ``pattern``. GuestError when it never does."""
        try:
            self._watch.await_match(pattern)
            if self._watch.match is None:
                end = self._run(budget, seconds)
                if self._watch.match is None:
                    wanted = f"waited for {pattern!r} on the serial line"
                    raise error_for(end, wanted, self._story())
            return self._watch.match
        finally:
            self._watch.give_up()

    def run_until_mark(
        self, number: int | None = None, budget: int | None = DEFAULT_BUDGET
    ) -> Mark:
        """Run until the guest passes mark ``number``, any mark by default. GuestError otherwise."""
        first = len(self.internal.marks)
        found: list[Mark] = []

        def reached() -> bool:
            passed = self.internal.marks[first:]
            found.extend(mark for mark in passed if number is None or mark.id == number)
            return bool(found)

        with self._recorder.tap_marks(self._pause):
            end = self._run(budget, None, reached)
        if not found:
            wanted = "any mark" if number is None else f"mark {number}"
            raise error_for(end, f"waited for {wanted}", self._story())
        return found[0]

    def run_until_exit(
        self,
        reason: str | None = None,
        device: str | None = None,
        target: str | None = None,
        budget: int | None = DEFAULT_BUDGET,
    ) -> Reached:
        """Run until an exit of this kind, in the words of a result's rows; the machine stops behind its
        block. ``target`` is a part of the text: ``"0x01f7"``. GuestError when there is none.
        """
        if reason is not None and reason.upper() not in ExitReason.__members__:
            known = ", ".join(reason.label for reason in ExitReason)
            raise ConfigError(f"no exit reason is called {reason!r}: {known}", usage=True)
        found: list[Reached] = []

        def look(key: ExitKey) -> None:
            label = ExitReason(key.reason).label
            if found or (reason is not None and label != reason):
                return
            by, what = self.internal.exit_target(key)
            if device in (None, by) and (target is None or target in what):
                found.append(Reached(label, by, what, self.internal.insns))
                self._pause()

        with self._recorder.tap(look):
            end = self._run(budget, None, lambda: bool(found))
        if not found:
            wanted = " ".join(word for word in (reason, device, target) if word) or "any"
            raise error_for(end, f"waited for an exit: {wanted}", self._story())
        return found[0]

    def run_until_address(self, place: Place, budget: int | None = DEFAULT_BUDGET) -> int:
        """Run until the instruction at a linear address or symbol is the next one, again if it is that
        now. The address; GuestError when the guest never comes there.
        """
        address = self.memory.address(place)
        self._stops.stop_at((address,))
        try:
            end = self._run(budget, None, lambda: self._stops.stop is not None)
        finally:
            self._stops.stop_at(())
        if self._stops.stop is None:
            raise error_for(end, f"waited for address {address:#x}", self._story())
        return address

    @property
    def _stops(self) -> Stops:
        return self.internal.partition.vp.debug()

    def _run(
        self,
        insns: int | None,
        seconds: float | None,
        reached: Callable[[], bool] | None = None,
    ) -> End:
        if not self._running.acquire(blocking=False):
            raise PartitionStateError("another thread runs this machine already")
        try:
            self.latest_end = self._run_alone(insns, seconds, reached)
            self.history.ran_to(stamp(self.internal))
            return self.latest_end
        finally:
            self._running.release()

    def _run_alone(
        self, insns: int | None, seconds: float | None, reached: Callable[[], bool] | None
    ) -> End:
        until = UNLIMITED if insns is None else self.insns + insns
        until_ns = NEVER if seconds is None else self.vtime_ns + round(seconds * _NS)

        def between() -> bool:
            return self._watch.match is None and (reached is None or not reached())

        return self._pulse.run(until, until_ns=until_ns, between=between)

    def _pause(self) -> None:
        self.internal.partition.vp.pause()

    # Talking.

    @property
    def serial(self) -> str:
        """What the guest has sent by COM1, a character a byte."""
        return self._watch.text

    @property
    def serial_bytes(self) -> bytes:
        """The same as bytes."""
        return self._watch.raw

    def write_serial(self, data: bytes | str) -> None:
        """Send to COM1."""
        self.input.serial(data)

    def keys(self, text: str) -> None:
        """Type, in the notation of ``hv run --keys``."""
        self.input.keys(text)

    def shutdown(self, *, reboot: bool = False) -> bool:
        """Ask the guest to shut down. False: none of its drivers listens."""
        return self.input.shutdown(reboot=reboot)

    # Looking.

    @property
    def insns(self) -> int:
        """Instructions retired since power-on."""
        return self.internal.insns

    @property
    def vtime_ns(self) -> int:
        """Virtual time since power-on."""
        return self.internal.vtime_ns

    @property
    def symbols(self) -> Mapping[str, int]:
        """The image's symbols: name -> linear address."""
        return self.internal.symbols.places

    @property
    def marks(self) -> list[Mark]:
        """The marks that the guest has passed."""
        return list(self.internal.marks)

    @property
    def post_codes(self) -> tuple[int, ...]:
        """What the guest wrote to port 80h: the latest changes, oldest first."""
        return self.internal.board.post.changes

    def inspect(self, path: str = "") -> Any:
        """State of a chip as plain data: ``"pit"``, ``"ata0/channel"``; everything for ``""``."""
        return self._inspector.look(path)

    def devices(self) -> tuple[str, ...]:
        """What ``inspect`` knows."""
        return self._inspector.names

    def stats(self) -> Moment:
        """Everything counted so far; ``later.since(earlier)`` is what lies between."""
        return self.internal.partition.vp.moment()

    def between_marks(self, first: int, second: int) -> Interval:
        """What lies between the first mark of one number and the next of another. ConfigError: none."""
        marks = iter(self.internal.marks)
        start = next((mark for mark in marks if mark.id == first), None)
        stop = next((mark for mark in marks if mark.id == second), None)
        if start is None or stop is None:
            raise ConfigError(
                f"the guest has not passed mark {first} and then {second}", usage=True
            )
        return interval(self.internal, start, stop)

    def result(self, end: End) -> Result:
        """The run up to now in the schema of ``hv run --json``."""
        return make_result(self.internal, end)

    def hang(self) -> Hang:
        """Where the guest is and what it waits for; looking runs it on by some blocks."""
        return self._sight.look()

    def latest_exits(self) -> list[str]:
        """The last 256 exits as text, oldest first."""
        return self._recorder.lines()

    def state_hash(self) -> str:
        """SHA-256 over memory, the processor and virtual time."""
        return self.internal.state_hash()

    def _story(self) -> str:
        """What a failure tells beside its ending."""
        where = f"at {self._sight.here()} after {self.insns} instructions"
        return story(where, self.post_codes, self._watch.unmatched)

    def __repr__(self) -> str:
        end = self.internal.partition.vp.end
        state = describe(end) if end is not None else f"at {self.internal.partition.vp.where()}"
        return f"<hv.Machine {state}, {self.insns} instructions>"
