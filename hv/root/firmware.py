"""The firmware ROM: the project's BIOS, assembled from its sources, or a file of the user's."""

from functools import cache
from pathlib import Path

from hv.errors import ConfigError
from hv.memory import FIRMWARE_ROM_SIZE
from hv.root.build_cache import cached_build
from hv.root.resources import source_folder

BUILT_IN = "bios"


@cache
def built_in_bios() -> bytes:
    """The BIOS of ``firmware/``, assembled."""
    source = source_folder("firmware") / "bios.asm"

    def build() -> bytes:
        from hv.asm import assemble_file  # seldom needed, and not cheap to import

        return assemble_file(source).code

    return cached_build(source, build)


def firmware_image(name: str) -> bytes:
    """``bios`` or a file: the image for the top of the ROM. ConfigError when it cannot be one."""
    if name == BUILT_IN:
        return built_in_bios()
    path = Path(name)
    try:
        image = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"firmware {name}: {error.strerror}") from None
    if not image or len(image) > FIRMWARE_ROM_SIZE:
        raise ConfigError(f"firmware {name}: {len(image)} bytes, must be 1 to {FIRMWARE_ROM_SIZE}")
    return image
