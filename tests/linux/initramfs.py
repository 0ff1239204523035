"""An initramfs in pure Python: busybox, an init script, the kernel modules it loads.

The format is "newc" cpio (Linux, Documentation/driver-api/early-userspace/buffer-format.rst),
uncompressed. The same input gives the same bytes: entries in order of their names, times zero,
everything owned by root. Left out: hard links and checksums.
"""

import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.linux import packages

INIT = Path(__file__).with_name("init")
CHECKS = tuple(INIT.with_name(name) for name in ("init-pc", "init-hv"))
"""What ``INIT`` reads in."""

ASK_INIT = {"poweroff": "USR2", "reboot": "TERM"}
"""What the kernel runs from /sbin to end in order: each sends process 1 the signal that init systems know."""

_MARK = re.compile(rb"^MARK (\w+)=([^\r\n]*)", re.MULTILINE)

_SYNTHETIC = (
    *("hv_vmbus", "hv_storvsc", "hyperv-keyboard", "hid-hyperv", "hid-generic", "hv_utils"),
    *("sr_mod", "isofs"),
)
_CLOUD = ("evdev", "serio_raw", "pata_legacy", "ata_piix", "sd_mod", *_SYNTHETIC)
MODULES = {
    "cloud": _CLOUD,
    packages.NEWER: _CLOUD,
    "generic": (
        *("evdev", "psmouse", "pata_legacy", "ata_piix", "sd_mod", *_SYNTHETIC),
        *("ext4", "crc32c_generic"),
    ),
}
"""What the init scripts load, by kernel flavour; the rest of what they use is in the kernel."""


@dataclass(frozen=True)
class Entry:
    """A file of any kind in the archive. ``mode`` holds type and permissions, as st_mode does."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str) -> Entry:
    return Entry(name, stat.S_IFDIR | 0o755)


def file(name: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(name, stat.S_IFREG | mode, data)


def link(name: str, target: str) -> Entry:
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def character_device(name: str, major: int, minor: int) -> Entry:
    return Entry(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The cpio archive. Folders that the names imply are added."""
    by_name = {entry.name: entry for entry in entries}
    parents = {str(parent) for name in by_name for parent in Path(name).parents} - {"."}
    by_name = {name: directory(name) for name in parents} | by_name
    records = [_record(number, by_name[name]) for number, name in enumerate(sorted(by_name), 1)]
    return b"".join([*records, _record(0, Entry("TRAILER!!!", 0))])


def _record(inode: int, entry: Entry) -> bytes:
    """A newc record: 13 fields of eight hex digits, name and data, each padded to 4 bytes."""
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (
        *(inode, entry.mode, 0, 0, links, 0, len(entry.data)),
        *(0, 0, *entry.device, len(name), 0),
    )
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


# --- kernel modules ---


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
            raise packages.PackageError(f"{folder.name} has no module {name}")
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


# --- the initramfs of the boot tests ---


def build(
    flavour: str = "cloud", *, modules: Iterable[str] | None = None, init: Path = INIT
) -> bytes:
    """Busybox, ``init`` and ``modules`` (default: what the script loads) for a Debian kernel."""
    folder = packages.modules_dir(flavour)
    wanted = modules_with_dependencies(folder, MODULES[flavour] if modules is None else modules)
    release = f"lib/modules/{folder.name}"
    return archive(
        [
            file("init", init.read_bytes(), 0o755),
            *(file(path.name, path.read_bytes()) for path in CHECKS),
            *(
                file(f"sbin/{name}", f"#!/bin/sh\nkill -{signal} 1\n".encode(), 0o755)
                for name, signal in ASK_INIT.items()
            ),
            file("bin/busybox", packages.busybox().read_bytes(), 0o755),
            link("bin/sh", "busybox"),
            *(directory(name) for name in ("dev", "mnt", "proc", "sys", "tmp")),
            character_device("dev/console", 5, 1),
            character_device("dev/null", 1, 3),
            *(file(f"{release}/{module.path}", module.data) for module in wanted.values()),
            file(f"{release}/modules.dep", modules_dep(wanted)),
        ]
    )


def marks(console: bytes) -> dict[str, str]:
    """What the init script reported: key -> value, the last one where a key comes twice."""
    return {key.decode(): value.decode("utf-8", "replace") for key, value in _MARK.findall(console)}
