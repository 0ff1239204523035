"""Assembled binaries kept between runs, by the digest of everything that went into them.

A cache only: unreadable, broken or unwritable, it is passed over in silence.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import hv.asm

_DIGEST_SIZE = 32


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hv"


def _key(sources: Path) -> str:
    """Digest of all sources in a folder and of the assembler itself."""
    digest = hashlib.sha256()
    files = [*sources.glob("*.asm"), *sources.glob("*.inc")]
    for path in [*sorted(files), *sorted(Path(hv.asm.__file__).parent.glob("*.py"))]:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def cached_build(sources: Path, build: Callable[[], bytes]) -> bytes:
    """What ``build`` makes of the folder ``sources``, from the cache when it is there."""
    path = _folder() / f"{_key(sources)}.bin"
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
