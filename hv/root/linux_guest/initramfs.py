"""What a Debian kernel boots into: busybox, an init script and the modules it loads."""

from collections.abc import Iterable, Mapping

from hv.root.linux_guest.cpio import Entry, archive, character_device, directory, file, link
from hv.root.linux_guest.modules import modules_dep, modules_with_dependencies
from hv.root.linux_guest.packages import Packages


def build(
    packages: Packages,
    flavour: str,
    *,
    programs: Mapping[str, bytes],
    modules: Iterable[str],
    files: Iterable[Entry] = (),
) -> bytes:
    """The archive. ``programs`` by path, ``init`` among them; ``files`` are whatever else it needs."""
    folder = packages.modules(flavour)
    wanted = modules_with_dependencies(folder, modules)
    release = f"lib/modules/{folder.name}"
    return archive(
        [
            *(file(name, data, 0o755) for name, data in programs.items()),
            file("bin/busybox", packages.busybox().read_bytes(), 0o755),
            link("bin/sh", "busybox"),
            *(directory(name) for name in ("dev", "mnt", "proc", "sys", "tmp")),
            character_device("dev/console", 5, 1),
            character_device("dev/null", 1, 3),
            *(file(f"{release}/{module.path}", module.data) for module in wanted.values()),
            file(f"{release}/modules.dep", modules_dep(wanted)),
            *files,
        ]
    )
