"""Media that the host puts into drives, as a journal names them: files by path and digest, bytes packed."""

import hashlib
import stat
from pathlib import Path

import msgspec
import zstandard

from hv.errors import ConfigError
from hv.root.disk import Disk, MemoryDisk, Mode, open_disk
from hv.root.journal.records import (
    Disc,
    Event,
    FileDigest,
    Floppy,
    HostInput,
    Input,
    Medium,
    MediumBytes,
    MediumFile,
)

_CHUNK = 1 << 20
_LEVEL = 1
"""Of zstd: what is kept is seldom asked for."""
_LARGEST = 1 << 30
"""Bytes of a medium that lives in memory."""
_LARGEST_PACKED = 16 << 20
"""Bytes of one in a journal."""


def file_digest(path: str) -> FileDigest:
    """``path`` with the SHA-256 of what it holds. ConfigError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            raise ConfigError(f"{path}: is neither a file nor a block device")
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: {reason}") from None
    return FileDigest(path, digest.hexdigest())


def medium(source: str | Path | bytes) -> Medium:
    """A file or bytes as a journal has them. ConfigError: too many bytes."""
    if not isinstance(source, bytes):
        return MediumFile(str(source))
    if len(source) > _LARGEST:
        raise ConfigError(f"a medium of {len(source)} bytes: {_LARGEST} at most", usage=True)
    return MediumBytes(zstandard.compress(source, _LEVEL))


def open_medium(what: Medium, mode: Mode) -> Disk:
    """The disk that it is. ConfigError, one line, when it cannot be one."""
    if isinstance(what, MediumFile):
        return open_disk(what.path, mode)
    try:
        size = zstandard.get_frame_parameters(what.packed).content_size
        if size > _LARGEST:
            raise ConfigError(f"the medium in the journal has {size} bytes: too many")
        return MemoryDisk(zstandard.decompress(what.packed), read_only=mode == "ro")
    except zstandard.ZstdError as error:
        raise ConfigError(f"the medium in the journal is damaged: {error}") from None


def settled(what: HostInput) -> HostInput:
    """The same, knowing what its medium holds now. ConfigError when that cannot be read."""
    if isinstance(what, Disc | Floppy) and isinstance(what.medium, MediumFile):
        known = file_digest(what.medium.path)
        return msgspec.structs.replace(what, medium=MediumFile(known.path, known.sha256))
    return what


def as_files(what: HostInput, folder: Path) -> HostInput:
    """The same, with a medium that is too large for a journal as a file in ``folder``."""
    if not isinstance(what, Disc | Floppy) or not isinstance(what.medium, MediumBytes):
        return what
    if len(what.medium.packed) <= _LARGEST_PACKED:
        return what
    content = zstandard.decompress(what.medium.packed)
    path = folder / f"medium-{hashlib.sha256(content).hexdigest()[:16]}.img"
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return msgspec.structs.replace(what, medium=MediumFile(str(path)))


def find_media(
    events: tuple[Event, ...], folder: Path
) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    """The events of a journal in ``folder``, with media found beside it that are not where they were; and
    one line for each that is not what it was. ConfigError: one is in neither place.
    """
    changed: list[str] = []

    def found(event: Event) -> Event:
        what = event.what if isinstance(event, Input) else None
        if not isinstance(what, Disc | Floppy) or not isinstance(what.medium, MediumFile):
            return event
        beside, known = folder / Path(what.medium.path).name, what.medium.sha256
        path = what.medium.path if Path(what.medium.path).exists() else str(beside)
        if known is not None and file_digest(path).sha256 != known:
            changed.append(f"{path} is not the medium that was put in")
        replace = msgspec.structs.replace
        return replace(event, what=replace(what, medium=MediumFile(path, known)))

    return tuple(found(event) for event in events), tuple(changed)
