"""A machine as the debugger's target: its one processor, its memory by linear address, its own commands."""

from hv.cpu.state import HFLAGS
from hv.debug.doors import Orders, WatchedRange
from hv.debug.monitor import Monitor
from hv.debug.places import MemoryEdit, RegisterEdit
from hv.debug.registers import Registers
from hv.debug.session import Halt
from hv.debug.timeline import Timeline
from hv.debug.traps import Traps
from hv.types import PAGE_SIZE
from hv.vp import End
from hv.vp.core import CS32, CS64


class MachineTarget:
    """``hv.debug.doors.Target`` for a machine in time. Virtual time stands still while nobody runs it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._look()

    def _look(self) -> None:
        """Another machine may stand where the debugger is now."""
        machine = self._timeline.machine
        self._vp = machine.partition.vp
        self._registers = Registers(self._vp, self._vp.debug())
        self.monitor = Monitor(machine, self._registers)
        self.read_register = self._registers.read

    @property
    def has_history(self) -> bool:
        """Whether it can go backward."""
        return self._timeline.has_history

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

    def write_register(self, source: str, value: int) -> bool:
        """False when the register cannot be written, or not with this value, or not in the past."""
        return self._timeline.edit(RegisterEdit(source, value))

    def write_memory(self, address: int, data: bytes) -> bool:
        """False, and nothing is written, when not all of it is mapped RAM, or not in the past."""
        return self._timeline.edit(MemoryEdit(address, data))

    # Running.

    def run(self, orders: Orders, budget: int) -> End | Halt | None:
        """Follow ``orders`` up to ``budget`` instructions; None when the timeline was not to go on."""
        traps = Traps.of(orders, self._vp)
        timeline = self._timeline
        try:
            if orders.backward:
                return timeline.backward(traps, step=orders.step)
            return timeline.forward(traps, budget, step=orders.step)
        finally:
            self._look()

    def release(self) -> None:
        """The debugger has left: there is the present, and nothing stops it."""
        self._timeline.close()
        self._look()
        stops = self._vp.debug()
        stops.stop_at(())
        stops.watch(())
