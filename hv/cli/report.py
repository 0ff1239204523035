"""What is said about a finished run: one line, tables, files."""

import sys
from pathlib import Path

from hv.errors import ConfigError
from hv.root.machine import Machine
from hv.root.result import Result, to_csv, to_json
from hv.vmbus.view import RingView

_TOP = 30
_PLAIN_WIDTH = 120


def print_end(result: Result) -> None:
    """One line on stderr: how it ended and what it took."""
    code = f" {result.guest_code}" if result.guest_code else ""
    detail = f": {result.detail}" if result.detail else ""
    print(
        f"hv: {result.outcome}{code}{detail} "
        f"({result.insns:,} instructions, {result.vtime_ns / 1e9:.6f} s virtual)",
        file=sys.stderr,
    )


def print_stats(result: Result) -> None:
    """Exits by reason and device, most frequent first."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{sum(row.count for row in result.exits):,} exits")
    for name in ("reason", "device", "target"):
        table.add_column(name)
    for name in ("width", "count", "insns since", "cycles", "bytes"):
        table.add_column(name, justify="right")
    rows = sorted(result.exits, key=lambda row: -row.count)
    for row in rows[:_TOP]:
        numbers = (row.width, row.count, row.insns, row.cycles, row.bytes)
        table.add_row(row.reason, row.device, row.target, *(f"{n:,}" for n in numbers))
    if len(rows) > _TOP:
        rest = rows[_TOP:]
        table.add_row(f"{len(rest)} more", "", "", "", f"{sum(row.count for row in rest):,}")
    width = None if sys.stderr.isatty() else _PLAIN_WIDTH
    Console(stderr=True, width=width).print(table)


def print_channels(machine: Machine) -> None:
    """VMBus: every offer, the state of its channel, what crossed it. Nothing without a bus."""
    from rich.console import Console
    from rich.table import Table

    if machine.synthetic is None:
        return
    view = machine.synthetic.bus.inspect()
    table = Table(title=f"VMBus {view.version or 'not connected'}, {view.messages} messages")
    for name in ("channel", "class", "state", "ring in", "ring out"):
        table.add_column(name)
    for name in ("packets in", "out", "signals in", "out"):
        table.add_column(name, justify="right")
    for channel in view.channels:
        counters = channel.counters
        table.add_row(
            channel.name,
            channel.interface,
            channel.state,
            *(_fill(ring) for ring in (channel.guest_to_host, channel.host_to_guest)),
            *map(str, (counters.packets_in, counters.packets_out)),
            *map(str, (counters.signals_in, counters.signals_out)),
        )
    width = None if sys.stderr.isatty() else _PLAIN_WIDTH
    Console(stderr=True, width=width).print(table)


def _fill(ring: RingView | None) -> str:
    if ring is None:
        return ""
    return f"{'?' if ring.waiting is None else ring.waiting}/{ring.size}"


def write_outputs(result: Result, json: Path | None, csv: Path | None) -> None:
    """The result files. ConfigError when one cannot be written."""
    for path, content in ((json, to_json(result)), (csv, to_csv(result).encode())):
        if path is None:
            continue
        try:
            if str(path) == "-":
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
            else:
                path.write_bytes(content)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
