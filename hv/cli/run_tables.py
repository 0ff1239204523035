"""``--stats``: what a run was made of, as tables on stderr."""

import sys

import msgspec

from hv.root.machine import Machine
from hv.root.result import ExitRow, HostRow, Result, SymbolRow, WorkRow
from hv.vmbus.view import RingView

_TOP = 30
_PLAIN_WIDTH = 120


class _Table:
    """Columns of words, then columns of numbers."""

    def __init__(self, title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
        from rich.table import Table  # a tenth of a second that most runs need not spend

        self._table = Table(title=title)
        for name in words:
            self._table.add_column(name)
        for name in numbers:
            self._table.add_column(name, justify="right")

    def row(self, *cells: str | int) -> None:
        self._table.add_row(*(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells))

    def print(self) -> None:
        from rich.console import Console

        width = None if sys.stderr.isatty() else _PLAIN_WIDTH
        Console(stderr=True, width=width).print(self._table)


def print_stats(result: Result, machine: Machine) -> None:
    """Everything that was counted, each table by what is most; host time last, as it is none of ours."""
    _print_exits(result.exits)
    _print_work(result.work)
    if result.symbols is not msgspec.UNSET:
        _print_symbols(result.symbols)
    _print_channels(machine)
    print(f"cost model: {result.cost_model}", file=sys.stderr)
    if result.host is not msgspec.UNSET:
        _print_host(result.host)


def _print_exits(exits: list[ExitRow]) -> None:
    table = _Table(
        f"{sum(row.count for row in exits):,} exits",
        ("reason", "device", "target"),
        ("width", "count", "insns since", "cycles", "bytes"),
    )
    rows = sorted(exits, key=lambda row: -row.count)
    for row in rows[:_TOP]:
        numbers = (row.width, row.count, row.insns, row.cycles, row.bytes)
        table.row(row.reason, row.device, row.target, *numbers)
    if rest := rows[_TOP:]:
        table.row(f"{len(rest)} more", "", "", "", sum(row.count for row in rest))
    table.print()


def _print_work(work: list[WorkRow]) -> None:
    if not work:
        return
    table = _Table("device work", ("device", "kind"), ("requests", "cycles", "bytes"))
    for row in work:
        table.row(row.device, row.kind, row.requests, row.cycles, row.bytes)
    table.print()


def _print_symbols(symbols: list[SymbolRow]) -> None:
    table = _Table("exits by guest symbol", ("symbol",), ("exits", "insns since", "cycles"))
    for row in symbols[:_TOP]:
        table.row(row.symbol, row.exits, row.insns, row.cycles)
    if rest := symbols[_TOP:]:
        table.row(f"{len(rest)} more", sum(row.exits for row in rest))
    table.print()


def _print_host(host: list[HostRow]) -> None:
    table = _Table(
        "host time, differs from run to run",
        ("reason", "device", "target"),
        ("width", "count", "host ns", "ns each"),
    )
    rows = sorted(host, key=lambda row: -row.host_ns)
    for row in rows[:_TOP]:
        numbers = (row.width, row.count, row.host_ns, row.host_ns // row.count)
        table.row(row.reason, row.device, row.target, *numbers)
    if rest := rows[_TOP:]:
        table.row(f"{len(rest)} more", "", "", "", "", sum(row.host_ns for row in rest))
    table.print()


def _print_channels(machine: Machine) -> None:
    """VMBus: every offer, the state of its channel, what crossed it. Nothing without a bus."""
    if machine.synthetic is None:
        return
    view = machine.synthetic.bus.inspect()
    table = _Table(
        f"VMBus {view.version or 'not connected'}, {view.messages} messages",
        ("channel", "class", "state", "ring in", "ring out"),
        ("packets in", "out", "signals in", "out"),
    )
    for channel in view.channels:
        counters = channel.counters
        table.row(
            channel.name,
            channel.interface,
            channel.state,
            *(_fill(ring) for ring in (channel.guest_to_host, channel.host_to_guest)),
            *(counters.packets_in, counters.packets_out),
            *(counters.signals_in, counters.signals_out),
        )
    table.print()


def _fill(ring: RingView | None) -> str:
    if ring is None:
        return ""
    return f"{'?' if ring.waiting is None else ring.waiting}/{ring.size}"
