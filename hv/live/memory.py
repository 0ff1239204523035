"""Guest memory by physical address, by linear address, by symbol."""

from collections.abc import Callable, Mapping

from hv.cpu.paging import LinearMemory
from hv.errors import ConfigError
from hv.live.seat import Seat
from hv.memory import SystemMemory
from hv.root.journal.host import HostHand
from hv.root.journal.records import MemoryWrite
from hv.types import PAGE_SIZE

Place = int | str
"""A linear address, or a symbol with perhaps a number behind it: ``"counter"``, ``"table+8"``."""

_PIECE = 1 << 20
"""Bytes that are written as one host input: what keeps a journal's lines readable."""


class MemoryAccess:
    """What the machine's memory holds. Linear addresses go by the page tables of this moment, no rights
    checked, no bits set in them.
    """

    def __init__(
        self,
        seat: Seat,
        symbols: Callable[[], Mapping[str, int]],
        hand: HostHand,
    ) -> None:
        self._seat = seat
        self._symbols = symbols
        self._hand = hand

    @property
    def _memory(self) -> SystemMemory:
        return self._seat.machine.partition.memory

    @property
    def _linear(self) -> LinearMemory:
        return self._seat.machine.partition.vp.linear

    # By physical address.

    def read_physical(self, gpa: int, size: int) -> bytes:
        """``size`` bytes; what is not RAM or ROM reads as FFh."""
        return self._memory.read(gpa, size)

    def write_physical(self, gpa: int, data: bytes) -> None:
        """Store ``data``. ConfigError where there is no RAM."""
        self._check(gpa, len(data))
        for at in range(0, len(data), _PIECE):
            self._hand.give(MemoryWrite(gpa + at, bytes(data[at : at + _PIECE])))

    # By linear address or symbol.

    def address(self, place: Place) -> int:
        """The linear address of a symbol. ConfigError when the image has none of that name."""
        if isinstance(place, int):
            return place
        name, _, offset = place.partition("+")
        try:
            return self._symbols()[name.strip()] + (int(offset, 0) if offset else 0)
        except KeyError:
            raise ConfigError(f"the image has no symbol {name.strip()!r}", usage=True) from None
        except ValueError:
            raise ConfigError(f"{place!r} is not a symbol and a number", usage=True) from None

    def translate(self, place: Place) -> int | None:
        """The physical address; None where nothing is mapped."""
        return self._linear.find(self.address(place))

    def read(self, place: Place, size: int) -> bytes:
        """``size`` bytes. ConfigError when a page of them is not mapped."""
        return b"".join(self._memory.read(gpa, part) for gpa, part in self._pages(place, size))

    def write(self, place: Place, data: bytes) -> None:
        """Store ``data``; nothing at all when a page is not mapped or no RAM."""
        pages = self._pages(place, len(data))
        for gpa, part in pages:
            self._check(gpa, part)
        done = 0
        for gpa, part in pages:
            self._hand.give(MemoryWrite(gpa, bytes(data[done : done + part])))
            done += part

    def read_int(self, place: Place, size: int = 4) -> int:
        """A little-endian number of ``size`` bytes."""
        return int.from_bytes(self.read(place, size), "little")

    def write_int(self, place: Place, value: int, size: int = 4) -> None:
        """Store a little-endian number of ``size`` bytes; what does not fit is cut off."""
        self.write(place, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))

    def read_text(self, place: Place, limit: int = 4096) -> str:
        """Latin-1 text up to a zero byte, at most ``limit`` bytes of it."""
        start, text = self.address(place), b""
        while len(text) < limit:
            part = min(PAGE_SIZE - (start + len(text)) % PAGE_SIZE, limit - len(text))
            chunk, zero, _ = self.read(start + len(text), part).partition(b"\0")
            text += chunk
            if zero:
                break
        return text.decode("latin-1")

    def _check(self, gpa: int, size: int) -> None:
        if not self._memory.contains(gpa, size):
            raise ConfigError(f"no RAM for {size} bytes at {gpa:#x}", usage=True)

    def _pages(self, place: Place, size: int) -> list[tuple[int, int]]:
        at, pages = self.address(place), []
        while size > 0:
            part = min(size, PAGE_SIZE - at % PAGE_SIZE)
            gpa = self._linear.find(at)
            if gpa is None:
                raise ConfigError(f"nothing is mapped at linear {at:#x}", usage=True)
            pages.append((gpa, part))
            at, size = at + part, size - part
        return pages
