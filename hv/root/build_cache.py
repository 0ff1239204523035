"""Assembled binaries kept between runs, by the digest of everything that went into them.

A cache only: unreadable, broken or unwritable, it is passed over in silence.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import hv

_DIGEST_SIZE = 32
_TOP_OF_MANY = "bios.asm"
"""The one source that includes other .asm files."""


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hv"


def _key(source: Path, folders: tuple[Path, ...], defines: Mapping[str, int]) -> str:
    """Digest of ``source``, of all it could include, of its definitions and of the assembler itself."""
    digest = hashlib.sha256(f"{source.name} {sorted(defines.items())} ".encode())
    sources = source.parent.glob("*.asm") if source.name == _TOP_OF_MANY else ()
    includes = [
        path
        for folder in dict.fromkeys((source.parent, *folders))
        for path in sorted(folder.glob("*.inc"))
    ]
    assembler = (Path(hv.__file__).parent / "asm").glob("*.py")
    files = [source, *sorted(sources), *includes, *sorted(assembler)]
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def cached_build(
    source: Path,
    build: Callable[[], bytes],
    *,
    folders: tuple[Path, ...] = (),
    defines: Mapping[str, int] | None = None,
) -> bytes:
    """What ``build`` makes of ``source``, from the cache when it is there.

    ``folders`` are searched for includes beside the source's own.
    """
    path = _folder() / f"{_key(source, folders, defines or {})}.bin"
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
