"""Partition reference time: units of 100 ns since the partition was created.

Follows the TLFS 6.0b, chapter Timers. The counter is virtual time; the reference TSC page lets a guest
work it out from RDTSC, which counts virtual nanoseconds. ``SCALE`` is 2^64 / 100 rounded up, so that
``tsc * SCALE >> 64`` is ``tsc // 100`` exactly for the first 6.9 years: page and counter cannot disagree.
That holds for a processor whose TSC is a whole number of ticks off virtual time; after any other write to
the TSC the page says that it is not valid (sequence 0), and the guest reads the counter.
"""

import struct
from collections.abc import Iterable

from hv.interfaces import Clock
from hv.tlfs.overlay import PageRegister
from hv.types import NS_PER_SECOND

TICKS_PER_SECOND = 10_000_000
NS_PER_TICK = NS_PER_SECOND // TICKS_PER_SECOND
TSC_HZ = NS_PER_SECOND
SCALE = (1 << 64) // NS_PER_TICK + 1

_EXACT = (1 << 64) // (SCALE * NS_PER_TICK - (1 << 64))  # the first TSC for which it can be wrong
_TRUSTED = _EXACT // 2  # 3.4 years before that
_SEQUENCE = struct.Struct("<I4x")
_SCALE_OFFSET = struct.Struct("<Qq")
_INVALID = 0
_LAST_SEQUENCE = 0xFFFFFFFE  # all ones is taken for invalid by old guests


class ReferenceTime:
    """The reference counter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> int:
        """Ticks so far."""
        return self._clock.now() // NS_PER_TICK

    def at(self, tick: int) -> int:
        """The first virtual nanosecond at which the counter shows ``tick``."""
        return tick * NS_PER_TICK


class ReferenceTscPage:
    """REFERENCE_TSC and the page that it places. HV_REFERENCE_TSC_PAGE."""

    SAVED = {"_offset": int | None, "_sequence": int}

    def __init__(self, clock: Clock, register: PageRegister) -> None:
        self._clock = clock
        self.register = register
        self._offset: int | None = None
        self._sequence = _INVALID

    def reset(self) -> None:
        self.register.reset()
        self._offset = None
        self._sequence = _INVALID

    def write(self, value: int, tscs: Iterable[int]) -> None:
        """WRMSR; ``tscs`` are the time stamp counters of all processors."""
        self.register.write(value)
        self.publish(tscs)

    def publish(self, tscs: Iterable[int]) -> None:
        """Bring the page in line with the processors' time stamp counters."""
        offset = self._offset_of(tscs) if self.register.enabled else self._offset
        if offset == self._offset:
            return
        self._offset = offset
        page = self.register.page
        page.write(0, _SEQUENCE.pack(_INVALID))
        if offset is not None:
            page.write(_SEQUENCE.size, _SCALE_OFFSET.pack(SCALE, offset))
            self._sequence = self._sequence % _LAST_SEQUENCE + 1
            page.write(0, _SEQUENCE.pack(self._sequence))

    def _offset_of(self, tscs: Iterable[int]) -> int | None:
        """What is to be added to a scaled TSC, or None where no whole number of ticks would do."""
        first, *others = tscs
        if first >= _TRUSTED or any(other != first for other in others):
            return None
        ticks, rest = divmod(self._clock.now() - first, NS_PER_TICK)
        return None if rest else ticks
