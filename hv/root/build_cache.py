"""Assembled binaries kept between runs, by the digest of everything that went into them.

A cache only: unreadable, broken or unwritable, it is passed over in silence.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import hv

_DIGEST_SIZE = 32
_TOP_OF_MANY = "bios.asm"
"""The one source that includes other .asm files."""


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hv"


def _key(source: Path) -> str:
    """Digest of ``source``, of all it could include from its folder, and of the assembler itself."""
    digest = hashlib.sha256(source.name.encode())
    folder = source.parent
    included = folder.glob("*.asm") if source.name == _TOP_OF_MANY else ()
    assembler = (Path(hv.__file__).parent / "asm").glob("*.py")
    files = [source, *sorted(included), *sorted(folder.glob("*.inc")), *sorted(assembler)]
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def cached_build(source: Path, build: Callable[[], bytes]) -> bytes:
    """What ``build`` makes of ``source``, from the cache when it is there."""
    path = _folder() / f"{_key(source)}.bin"
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        binary, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
        if hashlib.sha256(binary).digest() == digest:
            return binary
    binary = build()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(binary + hashlib.sha256(binary).digest())
        Path(file.name).replace(path)
    return binary
