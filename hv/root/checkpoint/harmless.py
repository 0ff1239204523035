"""Media of a checkpoint for runs that are made again: what the guest writes stays out of the user's files."""

import msgspec

from hv.root.checkpoint.media import SavedDisk, SavedFile, SavedMedia, SavedOverlay


def harmless(saved: SavedMedia) -> SavedMedia:
    """The same media, with throw-away changes over each file that the guest could write to."""
    return msgspec.structs.replace(saved, disks=[_covered(disk) for disk in saved.disks])


def _covered(disk: SavedDisk) -> SavedDisk:
    if not isinstance(disk, SavedFile) or disk.read_only:
        return disk
    return SavedOverlay(msgspec.structs.replace(disk, read_only=True), [])
