"""Guest memory by linear address, as the processor itself reads and writes it.

Follows the Intel SDM (edition 084, 2024) vol. 3, 4.6 (which accesses are implicit) and 4.8 (accessed
and dirty bits); the walk is in hv.cpu.page_walk. Left out: alignment checks, which the processor's
own accesses do not make.
"""

import struct

from hv.cpu.page_walk import IMPLICIT, READ, WRITE, FlatMemory, PageWalk, Ram
from hv.cpu.state import CpuState
from hv.memory import HIGH_RAM
from hv.types import PAGE_SIZE

_OFFSET = PAGE_SIZE - 1


class LinearMemory:
    """Reads and writes with a processor's rights and side effects.

    ``access`` is as in hv.cpu.page_walk. A refused access raises ``Fault`` and has stored nothing.
    """

    __slots__ = ("_ram", "_walk", "find", "translate")

    def __init__(self, state: CpuState, memory: FlatMemory) -> None:
        self._ram = Ram(memory)
        self._walk = PageWalk(state, self._ram)
        self.translate = self._walk.translate
        self.find = self._walk.find

    def read(self, linear: int, size: int, access: int = READ) -> bytes:
        """``size`` bytes; any number of pages."""
        read = self._ram.read
        return b"".join([read(gpa, part) for gpa, part in self._parts(linear, size, access)])

    def write(self, linear: int, data: bytes, access: int = WRITE) -> None:
        """Store ``data``; nothing at all when any page of it refuses."""
        if (linear & _OFFSET) + len(data) <= PAGE_SIZE and data:
            self._ram.write(self.translate(linear, access | WRITE), data)
            return
        done = 0
        for gpa, part in self._parts(linear, len(data), access | WRITE):
            self._ram.write(gpa, data[done : done + part])
            done += part

    def probe(self, linear: int, size: int, access: int) -> None:
        """Raise the Fault that such an access would raise."""
        self._parts(linear, size, access)

    def read_u16(self, linear: int) -> int:
        """A word of the processor's own tables."""
        gpa = self.translate(linear, IMPLICIT)
        if not gpa & 1 and gpa < self._ram.size:
            return self._ram.h[gpa >> 1]
        return int.from_bytes(self.read(linear, 2, IMPLICIT), "little")

    def read_u32(self, linear: int) -> int:
        """A double word of the processor's own tables."""
        gpa = self.translate(linear, IMPLICIT)
        if not gpa & 3 and gpa < self._ram.size:
            return self._ram.d[gpa >> 2]
        return int.from_bytes(self.read(linear, 4, IMPLICIT), "little")

    def read_u64(self, linear: int) -> int:
        """A quad word of the processor's own tables."""
        gpa = self.translate(linear, IMPLICIT)
        if gpa < self._ram.size:
            if not gpa & 7:
                return self._ram.q[gpa >> 3]
            if not gpa & 3 and gpa & _OFFSET != PAGE_SIZE - 4:
                words = self._ram.d
                return words[gpa >> 2] | words[(gpa >> 2) + 1] << 32
        return int.from_bytes(self.read(linear, 8, IMPLICIT), "little")

    def read_u64_pair(self, linear: int) -> tuple[int, int]:
        """Two quad words of the processor's own tables: a 16-byte descriptor."""
        gpa = self.translate(linear, IMPLICIT)
        if not gpa & 15 and gpa < self._ram.size:
            return self._ram.q[gpa >> 3], self._ram.q[(gpa >> 3) + 1]
        data = self.read(linear, 16, IMPLICIT)
        return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:], "little")

    def write_u64s(self, linear: int, words: tuple[int, ...], access: int = WRITE) -> None:
        """Store quad words from ``linear`` up; nothing at all when a page of it refuses."""
        gpa = self.translate(linear, access)
        size = 8 * len(words)
        inside = (gpa & _OFFSET) + size <= PAGE_SIZE and HIGH_RAM <= gpa < self._ram.size
        if inside and not gpa & 7:
            self._ram.write_u64s(gpa, words)
        else:
            self.write(linear, struct.pack(f"<{len(words)}Q", *words), access)

    def peek(self, linear: int, size: int) -> bytes | None:
        """``size`` bytes with no rights checked and no bits set; None where nothing is mapped."""
        pieces = []
        while size > 0:
            part = min(size, PAGE_SIZE - (linear & _OFFSET))
            gpa = self._walk.find(linear)
            if gpa is None:
                return None
            pieces.append(self._ram.read(gpa, part))
            linear += part
            size -= part
        return b"".join(pieces)

    def poke(self, linear: int, data: bytes) -> bool:
        """Store with no rights checked and no bits set. False and nothing stored unless all of it is RAM."""
        parts: list[tuple[int, bytes]] = []
        while data:
            gpa = self._walk.find(linear)
            part = data[: PAGE_SIZE - (linear & _OFFSET)]
            if gpa is None or not self._ram.holds(gpa, len(part)):
                return False
            parts.append((gpa, part))
            linear, data = linear + len(part), data[len(part) :]
        for gpa, part in parts:
            self._ram.write(gpa, part)
        return True

    def _parts(self, linear: int, size: int, access: int) -> list[tuple[int, int]]:
        """(gpa, bytes) of each page under a range, all of them checked."""
        parts = []
        while size > 0:
            part = min(size, PAGE_SIZE - (linear & _OFFSET))
            parts.append((self.translate(linear, access), part))
            linear += part
            size -= part
        return parts
