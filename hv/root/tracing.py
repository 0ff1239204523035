"""A trace of one machine: exits, device work, interrupts, the VMBus and marks over virtual time.

Three groups of tracks. Processor: running or halted, injected interrupts, exits that it answers itself,
marks. Devices: exits by the device that answers, as long as their price and the device work done in them,
which are slices inside; ISA interrupt lines while they are high. VMBus: packets and signals by channel, and
how many bytes wait in its rings. RDTSC is left out: the accelerator answers it alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from hv.cost import WorkKind
from hv.cpu.exits import ExitReason
from hv.irq import Wire
from hv.root.machine import Machine
from hv.stats import BYTES, ExitKey, Row, WorkKey
from hv.trace import Arguments, TraceWriter, Track
from hv.vmbus.traffic import Traffic
from hv.vmbus.view import RingView

_PROCESSOR, _DEVICES, _VMBUS = 1, 2, 3
_GROUPS = {_PROCESSOR: "processor", _DEVICES: "devices", _VMBUS: "VMBus"}

_INJECTED_BY = {
    ExitReason.INTERRUPT: "hypervisor",
    ExitReason.ROOT_INTERRUPT: "root",
}
_WITH_DEVICE = frozenset(
    {
        ExitReason.PORT_READ,
        ExitReason.PORT_WRITE,
        ExitReason.MMIO_READ,
        ExitReason.MMIO_WRITE,
        ExitReason.MSR_READ,
        ExitReason.MSR_WRITE,
        ExitReason.HYPERCALL,
    }
)
_MOST_WORK = 1 << 12
"""Requests shown inside one exit."""


@dataclass(slots=True)
class _Exit:
    """An exit whose end is not known yet: device work may follow."""

    track: Track
    name: str
    begin: int
    end: int
    retired: int
    """Instructions before it; while that stands, the processor has not gone on."""
    arguments: dict[str, int | str]
    row: Row
    bytes_before: int
    work: list[tuple[str, int, int]] = field(default_factory=list)
    """What a device did meanwhile: name, begin, duration."""


class Tracing:
    """Follows one machine from now on. ``finish`` writes what is still open."""

    def __init__(self, machine: Machine, writer: TraceWriter) -> None:
        self._machine = machine
        self._vp = machine.partition.vp
        self._writer = writer
        for pid, name in _GROUPS.items():
            writer.process(pid, name)
        self._state, self._interrupts, self._exits, self._marks = (
            writer.track(_PROCESSOR, name) for name in ("state", "interrupts", "exits", "marks")
        )
        self._open: _Exit | None = None
        self._state_since = self._vp.now()
        self._halt: tuple[int, int] | None = None
        self._high: dict[int, int] = {}
        self._waiting: dict[str, dict[str, int]] = {}
        machine.symbols.read()
        self._follow()

    def _follow(self) -> None:
        machine, vp = self._machine, self._vp
        vp.exits.listen(self._on_exit)
        vp.exits.on_work = self._on_work
        vp.on_wait = self._on_wait
        machine.on_mark = self._on_mark
        for irq, line in machine.board.platform.lines.items():
            line.join(Wire(partial(self._on_line, irq)))
        if machine.synthetic is not None:
            machine.synthetic.bus.observe(self._on_traffic)

    def finish(self) -> None:
        """The run is over."""
        now = self._vp.now()
        self._close_exit()
        self._close_halt()
        self._writer.slice(self._state, "running", self._state_since, now - self._state_since)
        for irq in sorted(self._high):
            self._on_line(irq, False)

    # Exits and device work.

    def _name(self, key: ExitKey) -> tuple[Track, str]:
        device, target = self._machine.exit_target(key)
        name = f"{ExitReason(key.reason).label} {target}".rstrip()
        if key.reason in _INJECTED_BY:
            return self._interrupts, target
        if device == "processor":
            return self._exits, name
        return self._writer.track(_DEVICES, device), name

    def _on_exit(self, key: ExitKey, price: int) -> None:
        vp = self._vp
        now = vp.now()
        self._close_exit()
        self._close_halt()
        track, name = self._name(key)
        injected_by = _INJECTED_BY.get(ExitReason(key.reason))
        if injected_by is not None:
            self._writer.slice(track, name, now, price, {"by": injected_by})
            return
        row = vp.exits.latest
        self._open = _Exit(
            *(track, name, now, now + price, vp.retired(), self._code(), row, row[BYTES])
        )
        if key.reason not in _WITH_DEVICE:
            self._close_exit()

    def _code(self) -> dict[str, int | str]:
        """Which code of the guest exits."""
        address = self._vp.linear_rip()
        arguments: dict[str, int | str] = {
            "rip": f"{address:#x}",
            "cpl": self._vp.privilege_level(),
        }
        found = self._machine.symbols.find(address)
        if found is not None:
            arguments["symbol"] = f"{found[0]}+{found[1]:#x}"
        return arguments

    def _on_work(self, key: WorkKey, price: int) -> None:
        now, opened = self._vp.now(), self._open
        kind = WorkKind[key.kind].value
        if opened is None or opened.retired != self._vp.retired():  # a timer's, between exits
            self._close_exit()
            self._writer.slice(self._writer.track(_DEVICES, key.device), kind, now, price)
            return
        opened.end = now + price
        if len(opened.work) < _MOST_WORK:
            opened.work.append((f"{key.device}: {kind}", now, price))
        else:
            self._writer.drop(1)

    def _close_exit(self) -> None:
        closed, self._open = self._open, None
        if closed is None:
            return
        moved = closed.row[BYTES] - closed.bytes_before
        arguments: Arguments = {**closed.arguments, "bytes": moved} if moved else closed.arguments
        self._writer.slice(
            closed.track, closed.name, closed.begin, closed.end - closed.begin, arguments
        )
        for name, begin, duration in closed.work:
            self._writer.slice(closed.track, name, begin, duration)

    # The processor.

    def _on_wait(self, begin: int, end: int) -> None:
        """Timers that do not wake the processor make several waits of one halt."""
        self._halt = (self._halt[0] if self._halt else begin, end)

    def _close_halt(self) -> None:
        if self._halt is None:
            return
        (begin, end), self._halt = self._halt, None
        self._writer.slice(self._state, "running", self._state_since, begin - self._state_since)
        self._writer.slice(self._state, "halted", begin, end - begin)
        self._state_since = end

    def _on_line(self, irq: int, level: bool) -> None:
        now = self._vp.now()
        if level:
            self._high[irq] = now
            return
        since = self._high.pop(irq, None)
        if since is not None:
            track = self._writer.track(_DEVICES, f"IRQ {irq}")
            self._writer.slice(track, "high", since, now - since)

    def _on_mark(self, mark: int) -> None:
        self._writer.instant(self._marks, f"mark {mark:#x}", self._vp.now())

    # The VMBus.

    def _on_traffic(
        self, channel: str, traffic: Traffic, size: int, rings: tuple[RingView, RingView] | None
    ) -> None:
        now = self._vp.now()
        track = self._writer.track(_VMBUS, channel)
        self._writer.instant(track, traffic.value, now, {"bytes": size} if size else None)
        if rings is None:
            return
        waiting = {way: ring.waiting or 0 for way, ring in zip(("in", "out"), rings, strict=True)}
        if waiting != self._waiting.get(channel):
            self._waiting[channel] = waiting
            self._writer.counter(track, f"{channel} ring", now, waiting)


@contextmanager
def traced(machine: Machine, writer: TraceWriter) -> Iterator[None]:
    """Trace ``machine`` while the block runs; to its end, however it is left."""
    tracing = Tracing(machine, writer)
    try:
        yield
    finally:
        tracing.finish()
