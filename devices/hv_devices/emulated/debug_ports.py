"""Four ports by which a guest speaks to whoever runs it, without a driver.

Document: none, but custom. Port E9h as a text port comes from Bochs, F4h as an exit from QEMU's
isa-debug-exit (there the process ends with 2v+1; here the value is reported as it is), 80h is where
a PC's BIOS leaves its POST codes (IBM PC/AT Technical Reference). The mark port is our own:

    +0  write, 2 or 4 bytes   a point in time named by this number
        read                  the signature "HVMK", low byte first; narrower reads get its low bytes

A mark is one write. A byte write to the mark port is no mark.

The board must deliver accesses to the exit and mark ports whole, not cut into bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hv.interfaces import ByteSink

TEXT_PRESENT = 0xE9
MARK_SIGNATURE = int.from_bytes(b"HVMK", "little")
POST_HISTORY = 256


class TextPort:
    """Port E9h: what is written appears; a read answers E9h where the port exists."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink

    def reset(self) -> None:
        """Nothing is remembered."""

    def read(self, offset: int, width: int) -> int:
        return TEXT_PRESENT

    def write(self, offset: int, value: int, width: int) -> None:
        self._sink(bytes((value & 0xFF,)))

    def write_block(self, offset: int, width: int, data: bytes) -> None:
        """A string instruction's bytes at once."""
        self._sink(data[::width])


@dataclass(slots=True)
class PostState:
    """The last code, and the latest changes of it."""

    code: int = 0
    changes: list[int] = field(default_factory=list)


class PostPort:
    """Port 80h: remembers the codes that a BIOS shows as it goes.

    Operating systems write here to pass a microsecond, so only changes are kept, and the latest of
    those. ``on_change`` hears each of them.
    """

    def __init__(self, on_change: Callable[[int], None] | None = None) -> None:
        self._on_change = on_change
        self.state = PostState()

    @property
    def changes(self) -> tuple[int, ...]:
        """The latest codes, oldest first."""
        return tuple(self.state.changes)

    def reset(self) -> None:
        self.state = PostState()

    def read(self, offset: int, width: int) -> int:
        return self.state.code

    def write(self, offset: int, value: int, width: int) -> None:
        value &= 0xFF
        if value == self.state.code and self.state.changes:
            return
        self.state.code = value
        self.state.changes.append(value)
        del self.state.changes[:-POST_HISTORY]
        if self._on_change:
            self._on_change(value)


class DebugExit:
    """Port F4h: the guest ends its run with a value, of whatever width it writes."""

    def __init__(self, on_exit: Callable[[int], None]) -> None:
        self._on_exit = on_exit

    def reset(self) -> None:
        """Nothing is remembered."""

    def read(self, offset: int, width: int) -> int:
        return (1 << 8 * width) - 1

    def write(self, offset: int, value: int, width: int) -> None:
        if offset == 0:
            self._on_exit(value & (1 << 8 * width) - 1)


class MarkPort:
    """The mark port: names a point in time, so that statistics can be taken between two."""

    def __init__(self, on_mark: Callable[[int], None]) -> None:
        self._on_mark = on_mark

    def reset(self) -> None:
        """Nothing is remembered."""

    def read(self, offset: int, width: int) -> int:
        ones = (1 << 8 * width) - 1
        return MARK_SIGNATURE >> 8 * offset & ones if 0 <= offset < 4 else ones

    def write(self, offset: int, value: int, width: int) -> None:
        if offset == 0 and width > 1:
            self._on_mark(value & (1 << 8 * width) - 1)
