"""Flat binaries: bytes without header or signature. The user says where and in which mode."""

from hv.loaders.entry import enter_flat, enter_real
from hv.loaders.image import BootImage, ImageError, LoadOptions, Mode
from hv.loaders.layout import Layout
from hv.loaders.source import Source

FLAT_USAGE = "a flat binary needs --format flat --origin ADDRESS --mode 16|32|64"

_STACK_SIZE = 16 << 10


def load_flat(source: Source, options: LoadOptions) -> BootImage:
    """The whole file at ``options.origin``, entered at its first byte in ``options.mode``."""
    origin, mode = options.origin, options.mode
    if origin is None or mode is None:
        raise ImageError(FLAT_USAGE, usage=True)
    if not source.size:
        raise ImageError("is empty")
    if origin < 0:
        raise ImageError(f"the origin {origin} is below zero", usage=True)
    layout = Layout(options.memory)
    layout.put(origin, source.data, "image")
    if mode is Mode.REAL16:
        entry = enter_real(layout, origin)
    else:
        entry = enter_flat(layout, mode, origin, stack=_STACK_SIZE)
    return BootImage(
        kind="flat",
        name=source.name,
        summary=(f"flat binary at 0x{origin:X}, entered in {mode}-bit mode",),
        segments=layout.segments,
        entry=entry,
    )
