"""The disks of one machine, by the bus they are on."""

from dataclasses import dataclass, field
from pathlib import Path

from hv.config import DiskConfig, MachineConfig
from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.root.disk import Disk, MemoryDisk, floppy_geometry, open_disk

MAX_ATA_DISKS = 4
MAX_FLOPPIES = 2


@dataclass
class Media:
    """Every disk in the order in which the guest finds them."""

    ata: list[Disk] = field(default_factory=list)
    scsi: list[Disk] = field(default_factory=list)
    floppies: list[Disk] = field(default_factory=list)
    discs: list[Disk] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        config: MachineConfig,
        image: BootImage | None,
        ata: tuple[Disk, ...],
        scsi: tuple[Disk, ...],
    ) -> "Media":
        """What it boots from, the configured ones, then ``ata`` and ``scsi``. ConfigError: too many."""
        media = cls()
        if image is not None and image.disk is not None:
            boot = _boot_medium(image.disk.source)
            (media.floppies if image.disk.floppy else media.ata).append(boot)
        for disk in config.disks:
            media._attach(disk)
        media.ata.extend(ata)
        media.scsi.extend(scsi)
        media.discs.extend(open_disk(path, "ro") for path in config.cdroms)
        if len(media.ata) > MAX_ATA_DISKS:
            raise ConfigError(f"{len(media.ata)} disks on IDE: there is room for {MAX_ATA_DISKS}")
        if len(media.floppies) > MAX_FLOPPIES:
            raise ConfigError(f"{len(media.floppies)} floppies: there are {MAX_FLOPPIES} drives")
        return media

    def _attach(self, disk: DiskConfig) -> None:
        opened = open_disk(disk.path, disk.mode)
        floppy = disk.bus == "floppy" or (
            disk.bus == "auto" and floppy_geometry(opened.sectors * 512) is not None
        )
        if disk.bus in ("scsi", "both"):
            self.scsi.append(opened)
        if disk.bus != "scsi":
            (self.floppies if floppy else self.ata).append(opened)

    def all(self) -> list[Disk]:
        """Each once: one may be on two buses."""
        return list(dict.fromkeys(self.ata + self.scsi + self.floppies + self.discs))


def _boot_medium(source: Path | bytes) -> Disk:
    if isinstance(source, bytes):
        return MemoryDisk(source)
    return open_disk(source, "overlay")
