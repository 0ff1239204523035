"""A machine as the debugger's target: its one processor, its memory by linear address, its own commands."""

from hv.cpu.engine import Watch
from hv.cpu.state import HFLAGS
from hv.debug.doors import Access, Orders, WatchedRange
from hv.debug.monitor import Monitor
from hv.debug.registers import Registers
from hv.debug.session import Halt
from hv.root.machine import Machine
from hv.types import PAGE_SIZE
from hv.vp import Cause, Stop
from hv.vp.core import CS32, CS64


class MachineTarget:
    """``hv.debug.doors.Target`` for a machine. Virtual time stands still while nobody runs it."""

    def __init__(self, machine: Machine) -> None:
        self._vp = machine.partition.vp
        self._stops = self._vp.debug()
        self._registers = Registers(self._vp, self._stops)
        self._watched: dict[Watch, WatchedRange] = {}
        self.monitor = Monitor(machine, self._registers)
        self.read_register = self._registers.read
        self.write_register = self._registers.write
        self.write_memory = self._vp.linear.poke

    def bits(self) -> int:
        """The code size: 16, 32 or 64."""
        hflags = self._vp.state.d[HFLAGS]
        return 64 if hflags & CS64 else 32 if hflags & CS32 else 16

    def read_memory(self, address: int, size: int) -> bytes:
        """As many of ``size`` bytes as are mapped."""
        peek = self._vp.linear.peek
        content = b""
        while len(content) < size:
            at = address + len(content)
            part = peek(at, min(size - len(content), PAGE_SIZE - at % PAGE_SIZE))
            if part is None:
                break
            content += part
        return content

    def can_watch(self, watched: WatchedRange) -> bool:
        """Whether all of it is mapped."""
        return len(self.read_memory(watched.address, watched.size)) == watched.size

    # Running.

    def prepare(self, orders: Orders) -> None:
        """Set the hooks that the next run needs. A step stops anyway, so it keeps those of the run before."""
        if orders.step:
            self._stops.step()
        else:
            self._stops.stop_at(orders.breakpoints)
        self._watched = {
            watch: watched for watched in orders.watched for watch in self._pieces(watched)
        }
        self._stops.watch(self._watched)

    def release(self) -> None:
        """The debugger has left."""
        self._stops.stop_at(())
        self._stops.watch(())

    def interrupt(self) -> None:
        """The debugger takes over where the processor is."""
        self._stops.hold()

    @property
    def midway(self) -> bool:
        """Stopped where no undebugged run could."""
        return self._stops.midway

    def halt(self) -> Halt | None:
        """Why the last run has stopped; None when it was not for the debugger."""
        stop = self._stops.stop
        if stop is None:
            return None
        if stop.cause is Cause.ACCESS:
            return Halt(watched=self._met(stop))
        return Halt(address=stop.at if stop.cause is Cause.ADDRESS else None)

    def _met(self, stop: Stop) -> tuple[Access, int] | None:
        for watch, watched in self._watched.items():
            if watch.gpa == stop.at:
                return watched.access, watched.address
        return None

    def _pieces(self, watched: WatchedRange) -> list[Watch]:
        """The watched bytes in physical memory, by the translation of now: a piece a page."""
        reads, writes = watched.access is not Access.WRITE, watched.access is not Access.READ
        pieces = []
        at, end = watched.address, watched.address + watched.size
        while at < end:
            part = min(end - at, PAGE_SIZE - at % PAGE_SIZE)
            gpa = self._vp.linear.find(at)
            if gpa is not None:
                pieces.append(Watch(gpa, part, reads, writes))
            at += part
        return pieces
