"""What a recipe names: its image and files, as they are now and as a journal keeps them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from hv.cost import is_shipped
from hv.errors import ConfigError
from hv.loaders import BootDisk, BootImage, EntryState, LoadOptions, Mode, Segment
from hv.root.firmware import BUILT_IN
from hv.root.images import load_image
from hv.root.journal.media import file_digest
from hv.root.journal.records import FileDigest, ImageDigest, Recipe
from hv.root.samples import Sample, find_sample
from hv.types import Gpa

_LARGEST_KEPT = 16 << 20
_LARGEST_PACKED = 1 << 20
_CHUNK = 1 << 20


class _KeptSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    gpa: int
    data: bytes
    size: int


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A boot image as plain data, without its name and what is said about it."""

    kind: str
    segments: tuple[_KeptSegment, ...]
    entry: EntryState | None
    disk: bytes | None
    floppy: bool


_decoder = msgspec.msgpack.Decoder(_Kept)


def sample_of(recipe: Recipe) -> Sample | None:
    """The sample that it runs, if it is one."""
    name = recipe.image
    return find_sample(name[1:]) if name is not None and name.startswith("@") else None


def current_image(recipe: Recipe) -> BootImage | None:
    """What the recipe's image is today; None when it boots from a configured disk."""
    sample, config = sample_of(recipe), recipe.config
    if sample is not None:
        return sample.boot_image(config.memory)
    if recipe.image is None:
        return None
    options = LoadOptions(
        memory=config.memory,
        format=recipe.format,
        origin=recipe.origin,
        mode=None if recipe.mode is None else Mode(recipe.mode),
        command_line=recipe.command_line,
        initrd=tuple(Path(path) for path in recipe.initrd),
    )
    return load_image(Path(recipe.image), options)


def located(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with files that are not where it says looked for in ``folder``."""

    def place(path: str) -> str:
        beside = folder / Path(path).name
        return path if Path(path).exists() or not beside.exists() else str(beside)

    config = recipe.config
    replace = msgspec.structs.replace
    disks = tuple(replace(disk, path=place(disk.path)) for disk in config.disks)
    firmware = config.firmware if config.firmware == BUILT_IN else place(config.firmware)
    model = config.cost_model if is_shipped(config.cost_model) else place(config.cost_model)
    cdroms = tuple(map(place, config.cdroms))
    return replace(
        recipe,
        config=replace(config, disks=disks, cdroms=cdroms, firmware=firmware, cost_model=model),
        image=None if recipe.image is None else place(recipe.image),
        initrd=tuple(map(place, recipe.initrd)),
    )


def named_files(recipe: Recipe) -> tuple[FileDigest, ...]:
    """Digests of the files beside the image: disks, discs, firmware, cost model, in this order."""
    config = recipe.config
    model = () if is_shipped(config.cost_model) else (config.cost_model,)
    firmware = () if config.firmware == BUILT_IN else (config.firmware,)
    paths = (*(disk.path for disk in config.disks), *config.cdroms, *firmware, *model)
    return tuple(file_digest(path) for path in paths)


def image_digest(image: BootImage | None) -> ImageDigest | None:
    """What a journal holds of an image; the image itself where it is small."""
    if image is None:
        return None
    kept = _kept(image)
    content = None
    if sum(len(segment.data) for segment in kept.segments) + _disk_size(image) <= _LARGEST_KEPT:
        whole = msgspec.structs.replace(
            kept, disk=b"".join(_disk_chunks(image)) if image.disk else None
        )
        packed = zstandard.compress(msgspec.msgpack.encode(whole))
        content = packed if len(packed) <= _LARGEST_PACKED else None
    return ImageDigest(_sha256(kept, _disk_chunks(image)), content)


def image_sha256(image: BootImage | None) -> str | None:
    """The digest of what the loader made."""
    return None if image is None else _sha256(_kept(image), _disk_chunks(image))


def kept_image(digest: ImageDigest, name: str) -> BootImage | None:
    """The image out of a journal; None when it is not in there. ConfigError: it is not what it says."""
    if digest.content is None:
        return None
    try:
        size = zstandard.get_frame_parameters(digest.content).content_size
        if size > 2 * _LARGEST_KEPT:
            raise ConfigError(f"the image in the journal has {size} bytes: too many")
        kept = _decoder.decode(zstandard.decompress(digest.content))
    except (zstandard.ZstdError, msgspec.MsgspecError, RecursionError) as error:
        raise ConfigError(f"the image in the journal is damaged: {error}") from None
    disk = None if kept.disk is None else BootDisk(kept.disk, kept.floppy)
    segments = tuple(Segment(Gpa(part.gpa), part.data, part.size) for part in kept.segments)
    image = BootImage(kept.kind, name, ("from the journal",), segments, kept.entry, disk)
    if image_sha256(image) != digest.sha256:
        raise ConfigError("the image in the journal is not the one that it names")
    return image


def _kept(image: BootImage) -> _Kept:
    """All but the disk's content, which may be large."""
    segments = tuple(_KeptSegment(part.gpa, bytes(part.data), part.size) for part in image.segments)
    floppy = image.disk is not None and image.disk.floppy
    return _Kept(image.kind, segments, image.entry, None, floppy)


def _sha256(kept: _Kept, disk: Iterator[bytes]) -> str:
    digest = hashlib.sha256(msgspec.msgpack.encode(kept))
    for chunk in disk:
        digest.update(chunk)
    return digest.hexdigest()


def _disk_size(image: BootImage) -> int:
    if image.disk is None:
        return 0
    source = image.disk.source
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _disk_chunks(image: BootImage) -> Iterator[bytes]:
    if image.disk is None:
        return
    source = image.disk.source
    if isinstance(source, bytes):
        yield source
        return
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from None
