"""REP INS and REP OUTS, a string at a time.

Unicorn runs them a word at a time, one callback each. In the callback of the first word we move the rest:
words 2 to n go between the bus and guest memory here, the count and index registers are set as if only one
word were left, and the processor does that one itself. Only words that cannot fault are moved, so a page
fault in the middle, an index that wraps or a count that ends are met by the processor's own next word,
with the registers exactly where hardware would have them (Intel SDM vol. 2, REP).
"""

from hv.cpu.decode import ADDRSIZE_FLAG, REP_FLAG
from hv.cpu.delivery_events import Fault
from hv.cpu.page_walk import READ, USER, WRITE
from hv.cpu.paging import LinearMemory
from hv.cpu.state import CS, DF, DS, ES, FS, GS, HFLAGS, RCX, RDI, RSI, SS, CpuState, Hflags
from hv.memory import SystemMemory
from hv.portbus import PortBus

_PREFIXES_SHIFT = 24
_SEGMENTS = (DS, ES, CS, SS, DS, FS, GS)  # by override number, 0 = none
_CS64, _CS32 = Hflags.CS64.value, Hflags.CS32.value
_PAGE = 4096
MAX_WORDS = 65536
"""Words moved for one callback; a longer string simply gets another one."""


class StringIo:
    """Moves strings between ports and memory for one virtual processor."""

    def __init__(
        self, state: CpuState, linear: LinearMemory, memory: SystemMemory, ports: PortBus
    ) -> None:
        self._state = state
        self._linear = linear
        self._memory = memory
        self._ports = ports

    def _address_mask(self, insn: int) -> int:
        hflags = self._state.d[HFLAGS]
        override = insn >> _PREFIXES_SHIFT & ADDRSIZE_FLAG
        if hflags & _CS64:
            return 0xFFFFFFFF if override else 0xFFFFFFFFFFFFFFFF
        return 0xFFFFFFFF if bool(hflags & _CS32) != bool(override) else 0xFFFF

    def _base(self, segment: int) -> int:
        long_mode = self._state.d[HFLAGS] & _CS64
        return 0 if long_mode and segment not in (FS, GS) else self._state.base(segment)

    def _pieces(self, start: int, width: int, count: int, access: int) -> tuple[int, list[int]]:
        """How many of ``count`` words from linear ``start`` may move, and the gpa of each page's part.

        Going up or down by page, stops before the first word that would fault, straddle a page or lie
        outside RAM.
        """
        step = -width if self._state.d[DF] != 1 else width
        moved = 0
        pages: list[int] = []
        while moved < count:
            linear = start + moved * step
            offset = linear & (_PAGE - 1)
            if offset + width > _PAGE:
                break
            room = (_PAGE - offset) // width if step > 0 else offset // width + 1
            words = min(room, count - moved)
            try:
                gpa = self._linear.translate(linear, access)
            except Fault:
                break
            low = gpa if step > 0 else gpa - (words - 1) * width
            if not self._memory.contains(low, words * width):
                break
            pages += (gpa, words)
            moved += words
        return moved, pages

    def _plan(
        self, insn: int, index: int, segment: int, width: int, access: int
    ) -> tuple[int, int, list[int]]:
        """(words to move besides the processor's own, address mask, pages of those from the second word)."""
        mask = self._address_mask(insn)
        count = self._state.q[RCX] & mask
        if not insn >> _PREFIXES_SHIFT & REP_FLAG or count < 2:
            return 0, mask, []
        position = self._state.q[index] & mask
        if self._state.d[DF] == 1:
            until_wrap = (mask + 1 - position) // width
        else:
            until_wrap = position // width + 1
        words = min(count, until_wrap, MAX_WORDS)
        if words < 2:
            return 0, mask, []
        step = width if self._state.d[DF] == 1 else -width
        if self._state.d[HFLAGS] & 3 == 3:
            access |= USER
        moved, pages = self._pieces(self._base(segment) + position + step, width, words - 1, access)
        return moved, mask, pages

    def _advance(self, index: int, width: int, words: int, mask: int) -> None:
        step = width if self._state.d[DF] == 1 else -width
        for register, change in ((RCX, -words), (index, words * step)):
            value = self._state.q[register]
            new = (value + change) & mask
            keep = value & 0xFFFFFFFFFFFF0000 if mask == 0xFFFF else 0
            self._state.q[register] = keep | new

    def read(self, port: int, width: int, insn: int) -> tuple[int, int]:
        """INS: (the word the processor itself shall store, bytes moved). State is changed, not restored."""
        words, mask, pages = self._plan(insn, RDI, ES, width, WRITE)
        if not words:
            return self._ports.read(port, width), width
        data = self._ports.read_string(port, width, words + 1)
        at = width
        backwards = self._state.d[DF] != 1
        for gpa, count in zip(pages[::2], pages[1::2], strict=True):
            piece = data[at : at + count * width]
            at += count * width
            if backwards:
                gpa -= (count - 1) * width
                piece = _reverse_words(piece, width)
            self._memory.write(gpa, piece)
        self._advance(RDI, width, words, mask)
        return int.from_bytes(data[:width], "little"), len(data)

    def write(self, port: int, width: int, insn: int, first: int) -> int:
        """OUTS: ``first`` is the word the processor has fetched. Bytes moved. State is changed."""
        segment = _SEGMENTS[insn >> _PREFIXES_SHIFT & 7]
        words, mask, pages = self._plan(insn, RSI, segment, width, READ)
        if not words:
            self._ports.write(port, first, width)
            return width
        data = [first.to_bytes(width, "little")]
        for gpa, count in zip(pages[::2], pages[1::2], strict=True):
            if self._state.d[DF] == 1:
                data.append(self._memory.read(gpa, count * width))
            else:
                low = gpa - (count - 1) * width
                data.append(_reverse_words(self._memory.read(low, count * width), width))
        self._advance(RSI, width, words, mask)
        whole = b"".join(data)
        self._ports.write_string(port, width, whole)
        return len(whole)


def _reverse_words(data: bytes, width: int) -> bytes:
    return b"".join(data[i : i + width] for i in range(len(data) - width, -1, -width))
