"""The Linux works of ``hv compare`` as data: what is done, over which drivers, on which machine."""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

from hv.errors import ConfigError

DISK_MIB = 16
REQUEST = "64k"
IDLE_SECONDS = 10
FAMILY = "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxPath:
    """One way to do a work. ``driver`` is the module that brings the disk, which is on ``bus``."""

    name: str
    kind: Literal["emulated", "synthetic"]
    shows: str
    hv: str = "all"
    driver: str = ""
    bus: Literal["ide", "scsi", ""] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxWork:
    """One work with its paths in the report's order. ``does``: what the init script calls it."""

    name: str
    title: str
    unit: str
    units: int
    equal: str
    baseline: str
    does: Literal["read", "write", "idle", "boot"]
    paths: tuple[LinuxPath, ...]
    folder: str = ""
    """Where the packages are; "" is the usual place."""

    @property
    def path_names(self) -> tuple[str, ...]:
        return tuple(path.name for path in self.paths)

    def path(self, name: str) -> LinuxPath:
        return next(path for path in self.paths if path.name == name)


_DISK_PATHS = (
    LinuxPath(
        name="pata_legacy",
        kind="emulated",
        shows="PIO: a string instruction a sector, an interrupt for 16 of them",
        driver="pata_legacy",
        bus="ide",
    ),
    LinuxPath(
        name="ata_piix",
        kind="emulated",
        shows="bus-master DMA: one interrupt a request",
        driver="ata_piix",
        bus="ide",
    ),
    LinuxPath(
        name="hv_storvsc",
        kind="synthetic",
        shows="a packet in the VMBus channel's ring and a completion",
        driver="hv_storvsc",
        bus="scsi",
    ),
)
_DISK_EQUAL = (
    f"Debian's kernel, --hv all, a disk of {DISK_MIB} MiB, dd with direct I/O, {REQUEST} a request"
)

_INTERFACE_PATHS = (
    LinuxPath(name="hv-none", kind="emulated", hv="none", shows="a PC: ACPI, APIC and its timer"),
    LinuxPath(name="hv-all", kind="synthetic", hv="all", shows="every enlightenment"),
)

WORKS = (
    LinuxWork(
        name="linux-disk-read",
        title="reading a whole disk in Linux",
        unit="MiB",
        units=DISK_MIB,
        equal=_DISK_EQUAL,
        baseline="pata_legacy",
        does="read",
        paths=_DISK_PATHS,
    ),
    LinuxWork(
        name="linux-disk-write",
        title="writing a whole disk in Linux",
        unit="MiB",
        units=DISK_MIB,
        equal=_DISK_EQUAL,
        baseline="pata_legacy",
        does="write",
        paths=_DISK_PATHS,
    ),
    LinuxWork(
        name="linux-idle",
        title="Linux doing nothing",
        unit="second",
        units=IDLE_SECONDS,
        equal="Debian's kernel, no driver loaded, sleep in a shell script",
        baseline="hv-none",
        does="idle",
        paths=_INTERFACE_PATHS,
    ),
    LinuxWork(
        name="linux-boot",
        title="booting Linux to its init script",
        unit="boot",
        units=1,
        equal="Debian's kernel and initramfs, from power-on",
        baseline="hv-none",
        does="boot",
        paths=_INTERFACE_PATHS,
    ),
)


def is_linux(pattern: str) -> bool:
    """Whether a pattern means these works. They need packages, so they are run when named only."""
    return pattern.removeprefix("@").startswith(FAMILY)


def find_linux_works(patterns: list[str], folder: str = "") -> list[LinuxWork]:
    """The works that match ``linux-idle``, ``@linux-disk-*``, ``linux*``, in their order.

    ConfigError for a pattern that matches none.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        bare = pattern.removeprefix("@")
        matching = {work.name for work in WORKS if fnmatchcase(work.name, bare)}
        if not matching:
            raise ConfigError(f"no pair {pattern}: `hv compare --list` names them", usage=True)
        chosen |= matching
    return [replace(work, folder=folder) for work in WORKS if work.name in chosen]
