"""``hv run``: from flags to a machine, from its end to an exit code."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from hv.cli.console import Console
from hv.cli.cov import covering
from hv.cli.progress import Progress
from hv.cli.record import recording
from hv.cli.report import print_channels, print_end, print_stats, write_outputs
from hv.clock import host_seconds
from hv.config import MachineConfig, apply_overrides, load_config, parse_disk, parse_size
from hv.errors import ConfigError
from hv.interfaces import ByteSink
from hv.loaders import BootImage, LoadOptions, Mode
from hv.root.images import load_image
from hv.root.journal.recorder import Recorder
from hv.root.keys import KeyEvent, parse_keys
from hv.root.machine import UNLIMITED, Machine, Outputs
from hv.root.result import make_result
from hv.root.samples import Sample, find_sample
from hv.root.schedule import parse_deed, schedule
from hv.root.screen import TextScreen, as_ansi, as_text, save_png
from hv.trace import TraceWriter
from hv.vp import End, Ending

_SLICE = 20_000_000
_INTERACTIVE_SLICE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The flags as given."""

    image: str | None
    memory: str | None
    cpus: int
    disks: list[str]
    kernel: str | None
    initrd: list[Path]
    append: str | None
    format: str | None
    origin: str | None
    mode: int | None
    cdroms: list[str]
    hv: str | None
    firmware: str | None
    boot: str | None
    serial: str
    serial2: str
    screen: bool
    screenshot: Path | None
    keys: str | None
    at: list[str]
    max_insns: str | None
    timeout: float | None
    stats: bool
    json: Path | None
    csv: Path | None
    trace: Path | None
    config: Path | None
    overrides: list[str]
    quiet: bool
    record: Path | None = None
    record_every: str | None = None
    cov: tuple[Path, ...] = ()


def parse_count(text: str) -> int:
    """``1000``, ``2e9``, ``0x100``, ``10M`` -> int. ConfigError otherwise."""
    suffixes = {"K": 10**3, "M": 10**6, "G": 10**9}
    factor = suffixes.get(text[-1:].upper(), 1)
    number = text[:-1] if factor != 1 else text
    try:
        value = int(number, 0) if "e" not in number.lower() or number.startswith("0x") else None
        value = int(float(number)) if value is None else value
    except (ValueError, OverflowError):
        raise ConfigError(f"{text!r} is not a number", usage=True) from None
    if value < 0:
        raise ConfigError(f"{text!r} is negative", usage=True)
    return value * factor


def load_options(
    memory: int,
    format: str | None,
    origin: str | None,
    mode: int | None,
    request: RunRequest | None = None,
) -> LoadOptions:
    """The loaders' options from flags."""
    if mode is not None and mode not in (16, 32, 64):
        raise ConfigError(f"mode {mode} is not 16, 32 or 64", usage=True)
    return LoadOptions(
        memory=memory,
        format=format,
        origin=None if origin is None else parse_count(origin),
        mode=None if mode is None else Mode(mode),
        command_line=(request.append or "") if request else "",
        initrd=tuple(request.initrd) if request else (),
    )


def _machine_config(request: RunRequest, sample: Sample | None) -> MachineConfig:
    overrides = {}
    for item in request.overrides:
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"--set {item!r} is not key=value", usage=True)
        overrides[key] = value
    for key, flag in (
        ("memory", request.memory),
        ("hv", request.hv),
        ("firmware", request.firmware),
        ("boot", request.boot),
    ):
        if flag is not None:
            overrides[key] = flag
    if request.memory is not None:
        parse_size(request.memory)
    if request.cpus != 1:
        raise ConfigError(f"--cpus {request.cpus}: this machine has one processor", usage=True)
    base: dict[str, object] = sample.machine() if sample else {}
    if request.config:
        config = load_config(request.config, overrides)
    else:
        config = apply_overrides(base, overrides, "command line")
    disks = tuple(parse_disk(text) for text in request.disks)
    return config.with_disks(disks, tuple(request.cdroms))


def _boot_image(
    request: RunRequest, config: MachineConfig, sample: Sample | None
) -> BootImage | None:
    name = request.kernel or request.image
    if sample is not None:
        return sample.boot_image(config.memory)
    if name is None:
        if not config.disks:
            raise ConfigError("nothing to run: name an image, a --kernel or a --disk", usage=True)
        return None
    options = load_options(config.memory, request.format, request.origin, request.mode, request)
    return load_image(Path(name), options)


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
    return find_sample(name[1:]) if name is not None and name.startswith("@") else None


def run_image(request: RunRequest) -> int:
    """Build the machine, run it, report; the process exit code."""
    sample = _find_sample(request)
    if request.kernel and request.image:
        raise ConfigError("name an image or a --kernel, not both", usage=True)
    config = _machine_config(request, sample)
    typed: list[KeyEvent] = list(parse_keys(request.keys)) if request.keys is not None else []
    deeds = [parse_deed(text) for text in request.at]
    budget = UNLIMITED if request.max_insns is None else parse_count(request.max_insns)
    if sample is not None:
        typed = typed or sample.typed()
        deeds = deeds or sample.deeds()
        budget = min(budget, sample.max_insns)
    image = _boot_image(request, config, sample)
    with _serial_output(request.serial) as serial, _serial_output(request.serial2) as serial2:
        media = sample.media() if sample else ()
        scsi = sample.scsi_media() if sample else ()
        machine = Machine(config, image, Outputs(serial, serial2, _stderr), media, scsi)
        try:
            schedule(machine, deeds, _tell)
            machine.mouse_hand.play(sample.mouse if sample else ())
            return _run(machine, image, request, typed, budget)
        finally:
            machine.close()


def _run(
    machine: Machine,
    image: BootImage | None,
    request: RunRequest,
    typed: list[KeyEvent],
    budget: int,
) -> int:
    machine.hand.play(typed)
    name = request.kernel or request.image
    with (
        covering(machine, image, name, request.cov),
        recording(request, machine, image) as recorder,
    ):
        return _run_recorded(machine, image, request, budget, recorder)


def _run_recorded(
    machine: Machine,
    image: BootImage | None,
    request: RunRequest,
    budget: int,
    recorder: Recorder | None,
) -> int:
    receive = machine.board.com1.receive if recorder is None else recorder.serial
    console = Console(receive) if request.serial == "stdio" else None
    if not request.quiet and sys.stderr.isatty():
        print(f"hv: {image.banner if image else 'booting from disk'}", file=sys.stderr)
        if console and console.is_terminal:
            print("hv: leave with Ctrl-]", file=sys.stderr)
    with TraceWriter.to(request.trace) as tracer:
        machine.trace(tracer)
        end = _run_slices(machine, request, console, budget, recorder)
    machine.flush()
    if recorder is not None:
        recorder.finish(end)
    result = make_result(machine, end)
    write_outputs(result, request.json, request.csv)
    if request.screen or request.screenshot:
        _show_screen(machine, request)
    if request.stats:
        print_stats(result)
        print_channels(machine)
    if not request.quiet:
        print_end(result)
    return result.exit_code


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
    machine: Machine,
    request: RunRequest,
    console: Console | None,
    budget: int,
    recorder: Recorder | None,
) -> End:
    run = machine.run if recorder is None else recorder.run
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
    with _signal_handler(interrupt), _raw_terminal(console):
        end = run(
            budget, slice_insns=_INTERACTIVE_SLICE if interactive else _SLICE, between=between
        )
    progress.clear()
    if end.ending is Ending.STOPPED and give_up is not None and host_seconds() >= give_up:
        return End(Ending.BUDGET, detail=f"stopped after {request.timeout} s")
    return end


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
