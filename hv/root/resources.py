"""Where the assembly sources are: beside the package in a checkout, inside it when installed."""

from pathlib import Path

import hv
from hv.errors import InternalError


def source_folder(name: str) -> Path:
    """The folder ``guests`` or ``firmware``."""
    package = Path(hv.__file__).parent
    for candidate in (package / "_sources" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise InternalError(f"the folder {name!r} is missing from the installation")
