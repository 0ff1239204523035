"""``hv run``: from flags to a machine, from its end to an exit code."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO

from hv.cli.console import Console
from hv.cli.cov import covering
from hv.cli.progress import Progress
from hv.cli.record import at_checkpoint, at_power_on, recording
from hv.cli.report import print_end, write_outputs
from hv.cli.request import RunRequest, boot_image, machine_config, parse_count
from hv.cli.run_tables import print_stats
from hv.clock import host_seconds
from hv.errors import ConfigError
from hv.interfaces import ByteSink
from hv.root.by_symbol import SymbolCounts
from hv.root.checkpoint import is_checkpoint, load_checkpoint, save_checkpoint
from hv.root.journal.host import HostHand
from hv.root.journal.recorder import Recorder
from hv.root.journal.records import Deed, Keys
from hv.root.keys import KeyEvent, parse_keys
from hv.root.machine import UNLIMITED, Machine, Outputs
from hv.root.pairs import find_guest
from hv.root.result import make_result
from hv.root.samples import Sample
from hv.root.schedule import arrange, parse_deed
from hv.root.screen import TextScreen, as_ansi, as_text, save_png
from hv.root.tracing import traced
from hv.trace import DEFAULT_LIMIT, MOST_EVENTS, TraceWriter
from hv.vp import End, Ending

if TYPE_CHECKING:
    from hv.cli.gdb import Debugged

_SLICE = 20_000_000
_INTERACTIVE_SLICE = 2_000_000
_TRACED_SLICE = 200_000
"""Writing every exit makes a slice last long, and Ctrl-C waits for its end."""
_BUILDS_A_MACHINE = (
    *("memory", "disks", "kernel", "initrd", "append", "format", "origin", "mode", "cdroms"),
    *("hv", "firmware", "boot", "config", "overrides"),
)
"""Flags that have nothing to say to a machine that is there already."""


@dataclass(frozen=True, slots=True)
class _Guest:
    """A machine that is ready to run, where its output goes, and who keeps a journal of it."""

    machine: Machine
    outputs: Outputs
    banner: str
    recorder: Recorder | None = None


@contextmanager
def _serial_output(choice: str) -> Iterator[ByteSink]:
    """COM1's output: stdout, a file or nothing."""
    if choice == "null":
        yield lambda _data: None
        return
    file: BinaryIO
    if choice == "stdio":
        file = sys.stdout.buffer
    else:
        try:
            file = Path(choice).open("wb")  # noqa: SIM115 - closed below, stdout is not
        except OSError as error:
            raise ConfigError(f"--serial {choice}: {error.strerror}") from None

    def write(data: bytes) -> None:
        file.write(data)
        file.flush()

    try:
        yield write
    finally:
        if file is not sys.stdout.buffer:
            file.close()


def _stderr(data: bytes) -> None:
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


def _tell(text: str) -> None:
    print(f"hv: {text}", file=sys.stderr)


def _find_sample(request: RunRequest) -> Sample | None:
    name = request.image
    return find_guest(name[1:]) if name is not None and name.startswith("@") else None


def run_image(request: RunRequest) -> int:
    """Build the machine, run it, report; the process exit code."""
    if request.image is not None and is_checkpoint(Path(request.image)):
        return _resume(request, Path(request.image))
    sample = _find_sample(request)
    if request.kernel and request.image:
        raise ConfigError("name an image or a --kernel, not both", usage=True)
    _check_trace_flags(request)
    config = machine_config(request, sample)
    typed: list[KeyEvent] = list(parse_keys(request.keys)) if request.keys is not None else []
    deeds = [parse_deed(text) for text in request.at]
    budget = UNLIMITED if request.max_insns is None else parse_count(request.max_insns)
    if sample is not None:
        typed = typed or sample.typed()
        deeds = deeds or sample.deeds()
        budget = min(budget, sample.max_insns)
    image = boot_image(request, config, sample)
    with _serial_output(request.serial) as serial, _serial_output(request.serial2) as serial2:
        media = sample.media() if sample else ()
        scsi = sample.scsi_media() if sample else ()
        outputs = Outputs(serial, serial2, _stderr)
        machine = Machine(config, image, outputs, media, scsi, host_time=request.host_time)
        try:
            mouse = sample.mouse if sample else ()
            arrange(machine, _tell, deeds=deeds, mouse=mouse, keys=typed)
            banner = image.banner if image else "booting from disk"
            with (
                covering(machine, image, request.kernel or request.image, request.cov),
                recording(
                    request, machine, at_power_on(request, machine, image), _tell
                ) as recorder,
            ):
                return _run(_Guest(machine, outputs, banner, recorder), request, budget)
        finally:
            machine.close()


def _resume(request: RunRequest, path: Path) -> int:
    """Go on from a checkpoint, which brings its own machine."""
    for flag in _BUILDS_A_MACHINE:
        if getattr(request, flag):
            raise ConfigError(f"{path} is a checkpoint: its machine is as it was", usage=True)
    budget = UNLIMITED if request.max_insns is None else parse_count(request.max_insns)
    with _serial_output(request.serial) as serial, _serial_output(request.serial2) as serial2:
        outputs = Outputs(serial, serial2, _stderr)
        machine = load_checkpoint(path, outputs, _tell)
        try:
            banner = f"going on after {machine.insns:,} instructions"
            with recording(request, machine, at_checkpoint(path), _tell) as recorder:
                give = recorder.give if recorder else HostHand(machine, report=_tell).give
                for deed in request.at:
                    give(Deed(deed))
                if request.keys is not None:
                    give(Keys(request.keys))
                return _run(_Guest(machine, outputs, banner, recorder), request, budget)
        finally:
            machine.close()


def _run(guest: _Guest, request: RunRequest, budget: int) -> int:
    with _debugged(guest, request) as under:
        return _run_to_end(guest, under, request, budget)


def _run_to_end(guest: _Guest, under: "Debugged | None", request: RunRequest, budget: int) -> int:
    machine, recorder = guest.machine, guest.recorder
    receive = machine.board.com1.receive if recorder is None else recorder.serial
    if under is not None:
        receive = under.serial
    console = Console(receive) if request.serial == "stdio" else None
    if not request.quiet and sys.stderr.isatty():
        print(f"hv: {guest.banner}", file=sys.stderr)
        if console and console.is_terminal:
            print("hv: leave with Ctrl-]", file=sys.stderr)
    counts = SymbolCounts(machine) if request.by_symbol else None
    with _trace(machine, request):
        end = _run_slices(guest, under, request, console, budget)
    if under is not None:
        machine = under.machine
    machine.flush()
    if request.checkpoint:
        save_checkpoint(machine, request.checkpoint)
    if recorder is not None:
        recorder.finish(end)
    result = make_result(machine, end, counts)
    write_outputs(result, request.json, request.csv)
    if request.screen or request.screenshot:
        _show_screen(machine, request)
    if request.stats:
        print_stats(result, machine)
    if not request.quiet:
        print_end(result)
    return result.exit_code


@contextmanager
def _trace(machine: Machine, request: RunRequest) -> Iterator[None]:
    """Write a trace of what happens meanwhile, when one is wanted."""
    if request.trace is None:
        yield
        return
    limit = DEFAULT_LIMIT if request.trace_limit is None else parse_count(request.trace_limit)
    last = None if request.trace_last is None else parse_count(request.trace_last)
    with TraceWriter.to(request.trace, limit=limit, last=last) as writer, traced(machine, writer):
        yield
    if writer.dropped and not request.quiet:
        _tell(f"trace: {writer.written:,} events kept, {writer.dropped:,} dropped")


def _check_trace_flags(request: RunRequest) -> None:
    """The bounds of a trace are numbers, and one of them at most."""
    bounds = {"--trace-limit": request.trace_limit, "--trace-last": request.trace_last}
    given = {flag: text for flag, text in bounds.items() if text is not None}
    for flag, text in given.items():
        if request.trace is None:
            raise ConfigError(f"{flag} without --trace", usage=True)
        if parse_count(text) > MOST_EVENTS:
            raise ConfigError(f"{flag} {text}: at most {MOST_EVENTS:,}", usage=True)
    if len(given) > 1:
        raise ConfigError(
            "--trace-limit keeps the first events, --trace-last the last: name one", usage=True
        )


def _show_screen(machine: Machine, request: RunRequest) -> None:
    screen = machine.board.vga.snapshot()
    if request.screen:
        render = as_ansi if sys.stderr.isatty() else as_text
        print(render(screen), file=sys.stderr)
    if request.screenshot:
        _save_screen(screen, request.screenshot)


def _save_screen(screen: TextScreen, path: Path) -> None:
    """As a picture, or as text when the name does not say .png."""
    if path.suffix.lower() == ".png":
        save_png(screen, path)
        return
    try:
        path.write_text(as_text(screen) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _run_slices(
    guest: _Guest,
    under: "Debugged | None",
    request: RunRequest,
    console: Console | None,
    budget: int,
) -> End:
    machine, recorder = guest.machine, guest.recorder
    progress = Progress(machine, enabled=not request.quiet and not request.screen)
    give_up = None if request.timeout is None else host_seconds() + request.timeout
    stopped = [False]

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        stopped[0] = True

    def between() -> bool:
        progress.update()
        if console is not None:
            console.poll()
            if console.leave:
                return False
        return not stopped[0] and (give_up is None or host_seconds() < give_up)

    interactive = console is not None and console.is_terminal
    size = _TRACED_SLICE if request.trace else _INTERACTIVE_SLICE if interactive else _SLICE
    with _signal_handler(interrupt), _raw_terminal(console):
        end = under.run(budget, between, _tell) if under is not None else None
        if end is None:
            run = recorder.run if recorder else (under.machine if under else machine).run
            end = run(budget, slice_insns=size, between=between)
    progress.clear()
    if end.ending is Ending.STOPPED and give_up is not None and host_seconds() >= give_up:
        return End(Ending.BUDGET, detail=f"stopped after {request.timeout} s")
    return end


@contextmanager
def _debugged(guest: _Guest, request: RunRequest) -> Iterator["Debugged | None"]:
    """The guest in a debugger's hands, when that is wanted."""
    if request.gdb is None:
        yield None
        return
    from hv.cli.gdb import debugged  # seldom needed

    with debugged(guest.machine, guest.outputs, request, guest.recorder) as under:
        yield under


@contextmanager
def _raw_terminal(console: Console | None) -> Iterator[None]:
    if console is None:
        yield
    else:
        with console:
            yield


@contextmanager
def _signal_handler(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Ctrl-C ends the run at the next slice instead of raising in the middle of an exit."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
