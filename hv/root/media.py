"""The disks of one machine, by the bus they are on."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hv.config import DiskConfig, MachineConfig
from hv.errors import ConfigError
from hv.loaders import BootImage
from hv.root.disk import Disk, MemoryDisk, floppy_geometry, open_disk
from hv_devices.emulated.firmware_disk import Drive
from hv_devices.synthetic.scsi_device import ScsiDevice
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import DVD_IDENTITY, ScsiDvd
from hv_devices.synthetic.scsi_inquiry import Identity

MAX_ATA_DISKS = 4
MAX_FLOPPIES = 2


@dataclass
class Media:
    """Every disk in the order in which the guest finds them."""

    ata: list[Disk] = field(default_factory=list)
    scsi: list[Disk] = field(default_factory=list)
    """By LUN when the machine was powered on."""
    drives: list[Drive] = field(default_factory=list)
    """For floppies, with what is in them."""
    units: dict[int, ScsiDevice] = field(default_factory=dict)
    """What the SCSI bus is built with."""
    opened: list[Disk] = field(default_factory=list)
    """All of these disks, each once: to be flushed and closed."""

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
        floppies: list[Disk] = []
        if image is not None and image.disk is not None:
            boot = _boot_medium(image.disk.source)
            (floppies if image.disk.floppy else media.ata).append(boot)
        for disk in config.disks:
            media._attach(disk, floppies)
        media.ata.extend(ata)
        media.scsi.extend(scsi)
        discs: list[Disk] = [open_disk(path, "ro") for path in config.cdroms]
        if len(media.ata) > MAX_ATA_DISKS:
            raise ConfigError(f"{len(media.ata)} disks on IDE: there is room for {MAX_ATA_DISKS}")
        if len(floppies) > MAX_FLOPPIES:
            raise ConfigError(f"{len(floppies)} floppies: there are {MAX_FLOPPIES} drives")
        media.drives.extend(Drive.made_for(floppy) for floppy in floppies)
        media.units.update(_units(media.scsi, discs))
        media.opened.extend(dict.fromkeys(media.ata + media.scsi + floppies + discs))
        return media

    def _attach(self, disk: DiskConfig, floppies: list[Disk]) -> None:
        opened = open_disk(disk.path, disk.mode)
        floppy = disk.bus == "floppy" or (
            disk.bus == "auto" and floppy_geometry(opened.sectors * 512) is not None
        )
        if disk.bus in ("scsi", "both"):
            self.scsi.append(opened)
        if disk.bus != "scsi":
            (floppies if floppy else self.ata).append(opened)


def _units(disks: list[Disk], discs: list[Disk]) -> dict[int, ScsiDevice]:
    """SCSI units: disks first, discs behind them; serial numbers by LUN."""
    units: list[ScsiDevice] = [
        ScsiDisk(disk, Identity(serial=f"HV{lun}")) for lun, disk in enumerate(disks)
    ]
    units += [
        ScsiDvd(disc, replace(DVD_IDENTITY, serial=f"HV{lun}"))
        for lun, disc in enumerate(discs, len(disks))
    ]
    return dict(enumerate(units))


def _boot_medium(source: Path | bytes) -> Disk:
    if isinstance(source, bytes):
        return MemoryDisk(source)
    return open_disk(source, "overlay")
