"""Runs one path of a Linux work: the machine, what the guest said, whether its disk came out right."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hv.config import MachineConfig
from hv.cost import DEFAULT_MODEL
from hv.errors import ConfigError, GuestError
from hv.loaders import LoadOptions, load
from hv.root.build_cache import cached_build
from hv.root.disk import MemoryDisk
from hv.root.linux_guest import initramfs
from hv.root.linux_guest.cpio import file
from hv.root.linux_guest.packages import Packages
from hv.root.linux_guest.works import DISK_MIB, IDLE_SECONDS, REQUEST, LinuxPath, LinuxWork
from hv.root.machine import Machine
from hv.root.pair_run import BEGIN, END, Outcome, between_marks
from hv.root.resources import source_folder
from hv.stats import Moment
from hv.types import SECTOR_SIZE
from hv.vp import Ending

FOLDER = "linux"
FLAVOUR = "cloud"
MEMORY = 256 << 20
BUDGET = 20_000_000_000
MODULES = ("sd_mod", "pata_legacy", "ata_piix", "hv_storvsc")
COMMAND_LINE = "console=ttyS0,115200 quiet panic=-1 cryptomgr.notests"
"""Without the kernel's log, which would be most of a boot's exits, and without the self-tests of its ciphers,
which take longer than all the rest."""

_TO_WRITE_SALT = 0x5A5A_0000
_RESULT = re.compile(rb"^RESULT (\w+)=?([^\r\n]*)", re.MULTILINE)
_TSC = re.compile(rb"^tsc (\d) ([0-9a-f]{16})", re.MULTILINE)


@dataclass(frozen=True)
class LinuxRun:
    """A path that was run to its end.

    ``counts``: of the work. The outcome's checksum is SHA-256 of the whole disk, as the guest read it or as
    the host finds it written, and is the right one. ``results``: what the init script said.
    """

    machine: Machine
    counts: Moment
    outcome: Outcome
    results: Mapping[str, str]


def run_path(
    work: LinuxWork, path: LinuxPath, packages: Packages, cost_model: str | None = None
) -> LinuxRun:
    """Boot Debian's kernel and let its init script do the work.

    ConfigError when something is missing, GuestError when Linux did not do it or not rightly.
    """
    name = f"{work.name}/{path.name}"
    disk = MemoryDisk(_contents(0)) if path.bus else None
    try:
        machine = _machine(work, path, packages, disk, cost_model)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    end = machine.run(BUDGET)
    console = bytes(machine.serial_log)
    results = {
        key.decode(): value.decode("ascii", "replace") for key, value in _RESULT.findall(console)
    }
    if end.ending is not Ending.POWERED_OFF or "failed" in results or "end" not in results:
        lines = console.decode("ascii", "replace").split("\n")
        last = results.get("failed") or next((line for line in reversed(lines) if line.strip()), "")
        raise GuestError(f"{name}: Linux did not do it ({end.ending.value}): {last.strip()}")
    outcome = Outcome(_checksum(name, work, disk, results), _guest_cycles(work, machine, console))
    return LinuxRun(machine, _counts(work, machine), outcome, results)


def _counts(work: LinuxWork, machine: Machine) -> Moment:
    """What was counted between the marks; a boot begins at power-on."""
    if work.does != "boot":
        return between_marks(machine)
    (end,) = (mark.moment for mark in machine.marks if mark.id == END)
    return end


def _guest_cycles(work: LinuxWork, machine: Machine, console: bytes) -> int:
    """The watch's difference; from power-on, less what passes between a mark and its RDTSC's answer."""
    watch = {int(number): int(value, 16) for number, value in _TSC.findall(console)}
    if work.does != "boot":
        return watch[END] - watch[BEGIN]
    model = machine.pricing.model
    return watch[END] - model.instructions(1).typical - model.rdtsc()


def _checksum(
    name: str, work: LinuxWork, disk: MemoryDisk | None, results: Mapping[str, str]
) -> str:
    """The digest of the data that were moved, which must be the right ones."""
    if disk is None:
        return ""
    found, expected = results.get("sha256", ""), 0
    if work.does == "write":
        found, expected = sha256(disk.read(0, disk.sectors)).hexdigest(), _TO_WRITE_SALT
    if found != sha256(_contents(expected)).hexdigest():
        raise GuestError(f"{name}: the disk's data came out wrong, SHA-256 {found or 'unknown'}")
    return found


def _contents(salt: int) -> bytes:
    """A disk in which every sector says which it is, and by ``salt`` who wrote it."""
    words = SECTOR_SIZE // 4
    lbas = range((DISK_MIB << 20) // SECTOR_SIZE)
    return b"".join((lba ^ salt).to_bytes(4, "little") * words for lba in lbas)


def _machine(
    work: LinuxWork,
    path: LinuxPath,
    packages: Packages,
    disk: MemoryDisk | None,
    cost_model: str | None,
) -> Machine:
    words = f"work={work.does} driver={path.driver} request={REQUEST} seconds={IDLE_SECONDS}"
    with tempfile.TemporaryDirectory() as folder:
        initrd = Path(folder) / "initramfs.cpio"
        initrd.write_bytes(_initramfs(work, packages))
        options = LoadOptions(
            memory=MEMORY, command_line=f"{COMMAND_LINE} {words}", initrd=(initrd,)
        )
        image = load(packages.kernel(FLAVOUR), options)
        media = (disk,) if disk else ()
        return Machine(
            MachineConfig(memory=MEMORY, hv=path.hv, cost_model=cost_model or DEFAULT_MODEL),
            image,
            media=media if path.bus == "ide" else (),
            scsi_media=media if path.bus == "scsi" else (),
        )


def _initramfs(work: LinuxWork, packages: Packages) -> bytes:
    script = source_folder("guests") / FOLDER / "init"
    pattern = [file("pattern", _contents(_TO_WRITE_SALT))] if work.does == "write" else []
    return initramfs.build(
        packages,
        FLAVOUR,
        programs={"init": script.read_bytes(), "bin/mark": mark_program()},
        modules=MODULES,
        files=pattern,
    )


def mark_program() -> bytes:
    """guests/linux/mark.asm as the ELF file that it is."""
    guests = source_folder("guests")
    source, folders = guests / FOLDER / "mark.asm", (guests / "pairs",)

    def assemble() -> bytes:
        from hv.asm import assemble_file  # seldom needed, and not cheap to import

        return assemble_file(source, include_dirs=folders).code

    return cached_build(source, assemble, folders=folders)
