"""Kernel modules as a Debian package has them: found by name, with all that they need."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hv.errors import ConfigError


@dataclass(frozen=True)
class Module:
    """A loadable module: its path below ``lib/modules/RELEASE``, and what it needs loaded."""

    path: str
    data: bytes
    depends: tuple[str, ...]


def modules_with_dependencies(folder: Path, names: Iterable[str]) -> dict[str, Module]:
    """``names`` and all they depend on, dependencies first.

    Read from each module's own .modinfo section: an unpacked package has no modules.dep yet.
    """
    files = {_module_name(path): path for path in sorted(folder.rglob("*.ko*"))}
    found: dict[str, Module] = {}

    def add(name: str) -> None:
        if name in found:
            return
        path = files.get(name)
        if path is None:
            raise ConfigError(f"{folder.name} has no module {name}")
        data = _decompressed(path)
        module = Module(_plain_name(path.relative_to(folder)), data, _depends(data))
        for dependency in module.depends:
            add(dependency)
        found[name] = module

    for name in names:
        add(_module_name(Path(name)))
    return found


def _module_name(path: Path) -> str:
    return path.name.partition(".ko")[0].replace("-", "_")


def _plain_name(path: Path) -> str:
    return str(path).partition(".ko")[0] + ".ko"


def _depends(module: bytes) -> tuple[str, ...]:
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    names = found[1].decode() if found else ""
    return tuple(name.replace("-", "_") for name in names.split(",") if name)


def _decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    match path.suffix:
        case ".xz":
            import lzma

            return lzma.decompress(data)
        case ".zst":
            import zstandard

            return zstandard.ZstdDecompressor().decompress(data)
        case ".gz":
            import gzip

            return gzip.decompress(data)
    return data


def modules_dep(modules: dict[str, Module]) -> bytes:
    """modules.dep: each module's path, then those of all it needs, nearest first."""

    def needed(name: str) -> list[str]:
        below = [other for direct in modules[name].depends for other in (direct, *needed(direct))]
        return list(dict.fromkeys(below))

    lines = (
        f"{module.path}: {' '.join(modules[other].path for other in needed(name))}".rstrip()
        for name, module in modules.items()
    )
    return "".join(line + "\n" for line in lines).encode()
