"""The PC's two cascaded 8259As and their edge/level control registers.

The slave's INT drives the master's IR2 (IBM PC AT Technical Reference, 1984, "Interrupt
controllers"); the ELCR ports are those of Intel's 82371AB PIIX4 data sheet (ELCR1, ELCR2). The
slave's vector comes from the chip whose ICW3 identity equals the level on the cascade lines; when
no chip answers, the bus floats high.
"""

from collections.abc import Callable

from hv.interfaces import IrqLine

from .i8259a import I8259A, Input

CASCADE_LEVEL = 2
FLOATING_BUS = 0xFF

_ELCR_WRITABLE = (0xF8, 0xDE)
"""IRQ0 (timer), 1 (keyboard), 2, 8 (clock) and 13 (coprocessor) stay edge-triggered."""


def _no_watcher(_: int) -> None:
    """Default for a door that nobody uses."""


def _nothing() -> None:
    """Default for a door that nobody uses."""


class _MasterInt:
    """The master's INT pin: kept where the processor reads it cheaply, and passed on."""

    __slots__ = ("_output", "_pair")

    def __init__(self, pair: "PicPair", output: IrqLine) -> None:
        self._pair = pair
        self._output = output

    def set(self, level: bool) -> None:
        self._pair.pending = level
        self._output.set(level)


class PicPair:
    """IRQ0 to IRQ15 in, one INT out. ``master`` and ``slave`` answer their own two ports.

    ``watch`` is told a 16-bit mask of the inputs that could interrupt whenever it may have
    changed, so that a source nobody listens to needs no timer; ``refresh`` is called before the
    guest reads a request register or polls, so that such a source brings its line up to date.
    Neither is called on construction.
    """

    SAVED = {"pending": bool}

    def __init__(
        self,
        output: IrqLine,
        *,
        watch: Callable[[int], None] = _no_watcher,
        refresh: Callable[[], None] = _nothing,
    ) -> None:
        self.pending = False
        self._watch = watch
        self.master = I8259A(
            _MasterInt(self, output), mask_changed=self._tell_watcher, refresh=refresh
        )
        self.slave = I8259A(
            self.master.line(CASCADE_LEVEL),
            master=False,
            mask_changed=self._tell_watcher,
            refresh=refresh,
        )
        self._chips = (self.master, self.slave)

    def line(self, irq: int) -> Input:
        """The input of IRQ0 to IRQ15."""
        if irq == CASCADE_LEVEL:
            raise ValueError("IRQ2 is the slave's; an ISA card's IRQ2 arrives as IRQ9")
        return self._chips[irq >> 3].line(irq & 7)

    def reset(self) -> None:
        self.slave.reset()
        self.master.reset()

    @property
    def unmasked(self) -> int:
        """Which of IRQ0 to IRQ15 would reach the processor."""
        master = self.master.unmasked
        slave = self.slave.unmasked if master >> CASCADE_LEVEL & 1 else 0
        return master & ~(1 << CASCADE_LEVEL) | slave << 8

    def acknowledge(self) -> int:
        """The INTA cycle: put the highest request in service and return its vector."""
        master = self.master
        level = master.take()
        if not master.state.icw3 >> level & 1:
            return master.state.vector_base | level
        slave = self.slave
        if slave.state.icw3 != level:
            return FLOATING_BUS
        return slave.take() | slave.state.vector_base

    def read_elcr(self, offset: int, width: int) -> int:
        """ELCR1 at offset 0, ELCR2 at offset 1."""
        return self._chips[offset & 1].state.elcr

    def write_elcr(self, offset: int, value: int, width: int) -> None:
        self._chips[offset & 1].set_elcr(value & _ELCR_WRITABLE[offset & 1])

    def _tell_watcher(self) -> None:
        self._watch(self.unmasked)
