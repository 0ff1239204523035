"""What a command line asks for: the flags of ``hv run``, and the machine and the image that they mean."""

from dataclasses import dataclass
from pathlib import Path

from hv.config import MachineConfig, apply_overrides, load_config, parse_disk, parse_size
from hv.errors import ConfigError
from hv.loaders import BootImage, LoadOptions, Mode
from hv.root.images import load_image
from hv.root.samples import Sample


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
    checkpoint: Path | None
    stats: bool
    json: Path | None
    csv: Path | None
    trace: Path | None
    trace_limit: str | None
    trace_last: str | None
    by_symbol: bool
    host_time: bool
    cost_model: str | None
    gdb: str | None
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


def machine_config(request: RunRequest, sample: Sample | None) -> MachineConfig:
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
        ("cost_model", request.cost_model),
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


def boot_image(
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
