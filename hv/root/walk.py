"""A walk through one path of a pair: every exit, injection and device request between the marks, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from hv.cost import WorkKind, work_figures
from hv.cpu import state as s
from hv.cpu.exits import ExitReason
from hv.errors import GuestError
from hv.portbus import PortBus, PortSlot
from hv.root.fold import round_of
from hv.root.machine import Machine
from hv.root.pair_run import BEGIN, between_marks, machine_for
from hv.root.pairs import PairPath
from hv.root.register_names import Register, register_at
from hv.stats import BYTES, ExitKey, Row, WorkKey
from hv.vp import Ending

_Seen = Callable[..., None]
_PORTS = 1 << 16
_MMIO_PAGE = 4096
_U32 = 0xFFFFFFFF
_VERBS = {
    ExitReason.PORT_READ: "read",
    ExitReason.PORT_WRITE: "write",
    ExitReason.MMIO_READ: "read",
    ExitReason.MMIO_WRITE: "write",
    ExitReason.MSR_READ: "RDMSR",
    ExitReason.MSR_WRITE: "WRMSR",
    ExitReason.CPUID: "CPUID",
    ExitReason.HLT: "HLT",
    ExitReason.HYPERCALL: "hypercall",
    ExitReason.INTERRUPT: "interrupt",
    ExitReason.ROOT_INTERRUPT: "interrupt",
}
_AT_DEVICES = frozenset(
    {
        ExitReason.PORT_READ,
        ExitReason.PORT_WRITE,
        ExitReason.MMIO_READ,
        ExitReason.MMIO_WRITE,
    }
)


class Kind(Enum):
    """What a step is."""

    EXIT = "exit"
    INJECTION = "injection"
    WORK = "work"


@dataclass(slots=True)
class Step:
    """One event. ``insns`` retired since the one before; ``at_ns`` is virtual time since the first mark.

    ``figures``: those of the cost model that it costs, each with how many times.
    """

    kind: Kind
    what: str
    insns: int
    at_ns: int
    cycles: int
    figures: tuple[tuple[str, int], ...]
    meaning: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """All steps between the marks; the first ``round`` of them repeat to the end."""

    steps: list[Step] = field(repr=False)
    round: int

    def first(self, exits: int) -> list[Step]:
        """The steps up to that many exits, with what happens before the next one."""
        return list(self._up_to(exits))

    def _up_to(self, exits: int) -> Iterator[Step]:
        for step in self.steps:
            exits -= step.kind is Kind.EXIT
            if exits < 0:
                return
            yield step


def walk(path: PairPath, cost_model: str | None = None) -> Walk:
    """Run ``path`` and write down what happens between its marks. GuestError when it fails."""
    machine = machine_for(path, cost_model)
    try:
        walker = _Walker(machine)
        end = machine.run(path.max_insns)
        if end.ending is not Ending.DEBUG_EXIT or end.code != 0:
            raise GuestError(f"{path.name} failed: {end.detail or end.ending.value}")
        between_marks(machine)
        return Walk(walker.steps, round_of([(step.kind, step.what) for step in walker.steps]))
    finally:
        machine.close()


class _Walker:
    """Hears of exits and of device work, and writes them down between the marks."""

    def __init__(self, machine: Machine) -> None:
        self.steps: list[Step] = []
        self._machine = machine
        self._vp = machine.partition.vp
        self._tapped = False
        self._last_insns = 0
        self._sectors: dict[WorkKey, int] = {}
        self._exit: Step | None = None
        self._register = Register()
        self._width = 0
        self._row: Row = []
        self._row_bytes = 0
        self._vp.exits.listener = self._on_exit
        self._vp.exits.on_work = self._on_work

    def _begun(self) -> bool:
        """Between the marks. The ports are tapped when this is first so: none is moved any more."""
        marks = self._machine.marks
        if not marks or marks[-1].id != BEGIN:
            return False
        if not self._tapped:
            self._tapped = True
            begin = marks[-1].moment
            self._last_insns = begin.insns
            self._sectors = {key: count.sectors for key, count in begin.work.items()}
            _tap(self._machine.partition.ports, self._on_value)
        return True

    def _on_exit(self, key: ExitKey, price: int) -> None:
        if not self._begun():
            return
        self._end_of_exit()
        pricing = self._machine.pricing
        injection = pricing.is_injection(key)
        if not injection and not pricing.is_exit(key):
            return
        reason = ExitReason(key.reason)
        device, target = self._machine.exit_target(key)
        self._register = self._register_for(reason, key, device)
        where = f"{device} {target}" if reason in _AT_DEVICES else target.removeprefix("msr ")
        step = self._add(
            Kind.INJECTION if injection else Kind.EXIT,
            f"{_VERBS[reason]} {where}".rstrip(),
            price,
            tuple((figure, 1) for figure in pricing.figures(key)),
        )
        step.meaning = self._register.name(reading=_VERBS[reason] == "read")
        if reason is ExitReason.MSR_WRITE:
            q = self._vp.state.q
            step.value = f"{(q[s.RDX] & _U32) << 32 | q[s.RAX] & _U32:x}"
        self._exit, self._width = step, key.width
        self._row = self._vp.exits.latest
        self._row_bytes = self._row[BYTES]

    def _register_for(self, reason: ExitReason, key: ExitKey, device: str) -> Register:
        if reason in (ExitReason.PORT_READ, ExitReason.PORT_WRITE):
            slot = self._machine.partition.ports.slot(key.target)
            return register_at(device, slot.offset if slot else 0, key.target)
        if reason in (ExitReason.MMIO_READ, ExitReason.MMIO_WRITE):
            return register_at(device, key.target % _MMIO_PAGE)
        return Register()

    def _on_value(self, value: int, width: int, *, reading: bool) -> None:
        """A port has answered or taken a value: that of the exit under way."""
        step = self._exit
        if step is not None and width == self._width and not step.value and self._begun():
            step.value = f"{value:0{2 * width}x}"
            told = self._register.told(value, reading=reading)
            step.meaning = ": ".join(filter(None, (step.meaning, told)))

    def _end_of_exit(self) -> None:
        """The exit before was a string instruction if it moved more than its width."""
        if self._exit is not None:
            moved = self._row[BYTES] - self._row_bytes
            if moved > self._width:
                self._exit.value = f"{moved} bytes"
            self._exit = None

    def _on_work(self, key: WorkKey, price: int) -> None:
        if not self._begun():
            return
        kind = WorkKind[key.kind]
        done = self._vp.exits.work()[key].sectors
        sectors = done - self._sectors.get(key, 0)
        self._sectors[key] = done
        request, sector = work_figures(kind)
        figures = [(name, 1) for name in request] + [(name, sectors) for name in sector]
        step = self._add(Kind.WORK, f"{key.device}: {kind.value}", price, tuple(figures))
        if sector:
            step.meaning = f"a request of {sectors} sector{'' if sectors == 1 else 's'}"

    def _add(
        self, kind: Kind, what: str, cycles: int, figures: tuple[tuple[str, int], ...]
    ) -> Step:
        insns, begin = self._vp.retired(), self._machine.marks[-1].moment.vtime_ns
        at_ns = self._vp.now() - begin
        step = Step(kind, what, insns - self._last_insns, at_ns, cycles, figures)
        self._last_insns = insns
        self.steps.append(step)
        return step


def _tap(bus: PortBus, seen: _Seen) -> None:
    """Let ``seen`` hear every value that a port answers or takes; strings moved in one piece pass by."""
    for port in range(_PORTS):
        slot = bus.slot(port)
        if slot is None:
            continue
        bus.detach(port, 1)
        bus.attach(
            slot.device,
            port,
            1,
            partial(_tapped_read, slot, seen),
            partial(_tapped_write, slot, seen),
            first_offset=slot.offset,
            width=slot.width,
            read_block=slot.read_block,
            write_block=slot.write_block,
        )


def _tapped_read(slot: PortSlot, seen: _Seen, offset: int, width: int) -> int:
    value = slot.read(offset, width)
    seen(value, width, reading=True)
    return value


def _tapped_write(slot: PortSlot, seen: _Seen, offset: int, value: int, width: int) -> None:
    seen(value, width, reading=False)
    slot.write(offset, value, width)
