"""Accounting: every exit by what caused it, every device request, and virtual time charged for both.

The hot path is ``Accounting.hit``: one dictionary look-up, three additions, one charge. What one exit of a
kind costs is asked once, when the kind is first seen; names are put to the numbers only in reports.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hv.cost import WorkKind
from hv.cpu.pace import EXTRA, NOW
from hv.stats import (
    BYTES,
    COUNT,
    INSNS,
    PRICE,
    SECTOR,
    ExitCount,
    ExitKey,
    Row,
    WorkCount,
    WorkKey,
)

MOST_KINDS = 1 << 14
OTHERS = 1 << 48
"""The target that stands for all others once ``MOST_KINDS`` kinds of exits were seen."""

ROW_LENGTH = 5
_MASK = (1 << 64) - 1


class Pricing(Protocol):
    """What things cost, in virtual ns."""

    def exit_price(self, key: ExitKey) -> int:
        """One exit of this kind."""

    def work_price(self, kind: WorkKind) -> tuple[int, int]:
        """One request, and each 512 bytes that it moves."""


class NoPrices:
    """Exits and device work take no time."""

    def exit_price(self, key: ExitKey) -> int:
        return 0

    def work_price(self, kind: WorkKind) -> tuple[int, int]:
        return 0, 0


@dataclass(frozen=True, slots=True)
class SavedAccounting:
    """The rows of ``Accounting``."""

    rows: dict[int, Row]
    work: dict[WorkKey, list[int]]
    last: int


def _checked(row: list[int]) -> list[int]:
    if len(row) != ROW_LENGTH:
        raise ValueError(f"a row of {len(row)} numbers")
    return row


class Accounting:
    """Exits and device work of one virtual processor since power-on.

    ``listener`` hears of each exit before it is charged for; ``on_work`` of each request, with its price.
    """

    SAVED_AS = SavedAccounting

    def __init__(self, pace: memoryview) -> None:
        self._pace = pace
        self._rows: dict[int, Row] = {}
        self._work: dict[WorkKey, list[int]] = {}
        self._meters: dict[WorkKey, list[int]] = {}
        self._last = 0
        self._pricing: Pricing = NoPrices()
        self.latest: Row = [0] * ROW_LENGTH
        """The row of the exit under way."""
        self.listener: Callable[[ExitKey, int], None] | None = None
        self.on_work: Callable[[WorkKey, int], None] | None = None

    def listen(self, listener: Callable[[ExitKey, int], None]) -> None:
        """One more listener, behind those that there are."""
        before = self.listener
        if before is None:
            self.listener = listener
            return

        def both(key: ExitKey, price: int) -> None:
            before(key, price)
            listener(key, price)

        self.listener = both

    def save(self) -> SavedAccounting:
        """What was counted, and the prices that were asked for."""
        return SavedAccounting(self._rows, self._work, self._last)

    def load(self, saved: SavedAccounting) -> None:
        """Go on counting from there. ValueError: a device that is not here."""
        self._rows = {key: _checked(row) for key, row in saved.rows.items()}
        self._last = saved.last
        for key, row in saved.work.items():
            if key not in self._meters:
                raise ValueError(f"nobody counts the {key.kind} of {key.device}")
            self._meters[key][:] = _checked(row)
            self._work[key] = self._meters[key]

    def charge_by(self, pricing: Pricing) -> None:
        """Prices from now on; before the partition runs."""
        self._pricing = pricing
        for key, row in self._rows.items():
            row[PRICE] = pricing.exit_price(ExitKey.unpack(key))

    def hit(self, reason: int, target: int, width: int) -> Row:
        """One exit, charged for. The caller adds the bytes that it moved to the row."""
        key = target << 12 | reason << 4 | width
        row = self._rows.get(key) or self._new_row(key)
        pace = self._pace
        insns = pace[NOW]
        row[COUNT] += 1
        row[INSNS] += insns - self._last
        self._last = insns
        self.latest = row
        if self.listener is not None:
            self.listener(ExitKey.unpack(key), row[PRICE])
        pace[EXTRA] += row[PRICE]
        return row

    def _new_row(self, key: int) -> Row:
        if len(self._rows) >= MOST_KINDS:  # a guest may read every MSR number there is
            key = ExitKey.unpack(key)._replace(target=OTHERS).pack()
        row = self._rows.get(key)
        if row is None:
            price = self._pricing.exit_price(ExitKey.unpack(key))
            row = self._rows[key] = [0, 0, 0, price, 0]
        return row

    def meter(self, device: str, kind: WorkKind) -> Callable[[int], None]:
        """``done(moved)``: ``device`` has done one request that moved ``moved`` bytes."""
        key = WorkKey(device, kind.name)
        row = self._meters.setdefault(key, [])

        def done(moved: int) -> None:
            if not row:
                row.extend((0, 0, 0, *self._pricing.work_price(kind)))
                self._work[key] = row
            sectors = -(-moved // SECTOR)
            row[0] += 1
            row[1] += moved
            row[2] += sectors
            price = row[3] + sectors * row[4]
            if self.on_work is not None:
                self.on_work(key, price)
            self._pace[EXTRA] = (self._pace[EXTRA] + price) & _MASK

        return done

    @property
    def total(self) -> int:
        """Exits of every kind."""
        return sum(row[COUNT] for row in self._rows.values())

    def exits(self) -> dict[int, ExitCount]:
        """Every kind of exit seen, by its packed key."""
        return {
            key: ExitCount(row[COUNT], row[INSNS], row[BYTES]) for key, row in self._rows.items()
        }

    def host_ns(self) -> dict[int, int]:
        """Host time by packed key; zeros unless somebody measures."""
        return {key: row[-1] for key, row in self._rows.items()}

    def work(self) -> dict[WorkKey, WorkCount]:
        """What every device did, in the order of device and kind."""
        return {key: WorkCount(*self._work[key][:3]) for key in sorted(self._work)}
