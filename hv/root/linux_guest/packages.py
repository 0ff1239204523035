"""Debian's kernels and its static busybox, unpacked in a folder: where they are, or what is missing.

``hv.root.linux_guest.fetch`` fills such a folder, a package a folder in it, with ``current.txt`` naming
the ones in use. A folder filled by hand has no such list: what ``dpkg-deb -x`` makes of the packages is
looked for in the folder itself and one level below.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hv.errors import ConfigError

KERNELS = {
    "cloud": "linux-image-cloud-amd64",
    "generic": "linux-image-amd64",
}
"""Flavour -> the package that always depends on the current kernel. The cloud kernel is the smaller
one; only the generic one has psmouse."""

NEWER = "backports"
"""One more flavour: the cloud kernel of the backports suite that belongs to the machine's release."""

FLAVOURS = (*KERNELS, NEWER)

BUSYBOX = "busybox-static"

CURRENT = "current.txt"


def default_folder() -> Path:
    """``.cache/linux`` below the current folder where there is one, else the user's own cache."""
    here = Path(".cache") / "linux"
    if here.is_dir():
        return here
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hv" / "linux"


def entry(flavour: str) -> str:
    """What ``current.txt`` calls a flavour's kernel."""
    return f"{KERNELS['cloud']}/{NEWER}" if flavour == NEWER else KERNELS[flavour]


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages in ``folder``. ConfigError, one line that says what to do, for what is not there."""

    folder: Path

    def kernel(self, flavour: str = "cloud") -> Path:
        """The bzImage."""
        return self._only(self._kernel_roots(flavour), "boot/vmlinuz-*")

    def modules(self, flavour: str = "cloud") -> Path:
        """The kernel's ``lib/modules/RELEASE`` folder."""
        release = self.kernel(flavour).name.removeprefix("vmlinuz-")
        root = self.kernel(flavour).parents[1]
        for place in ("lib/modules", "usr/lib/modules"):
            if (root / place / release).is_dir():
                return root / place / release
        raise self._missing(f"no modules of {release}")

    def busybox(self) -> Path:
        """A static busybox."""
        for root in self._roots(BUSYBOX):
            for place in ("bin/busybox", "usr/bin/busybox"):
                if (root / place).is_file():
                    return root / place
        raise self._missing(f"no {BUSYBOX}")

    def check(self, flavour: str = "cloud") -> None:
        """Whether everything is there. ConfigError when it is not."""
        self.modules(flavour)
        self.busybox()

    def current(self) -> dict[str, str]:
        """``current.txt``: the packages in use and their folders."""
        try:
            lines = (self.folder / CURRENT).read_text().splitlines()
        except OSError:
            return {}
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def _kernel_roots(self, flavour: str) -> Iterator[Path]:
        return self._roots(entry(flavour))

    def _roots(self, name: str) -> Iterator[Path]:
        """Where the package behind ``name`` may be unpacked."""
        current = self.current()
        if name in current:
            yield self.folder / current[name]
        elif not current and self.folder.is_dir():
            yield self.folder
            yield from sorted(path for path in self.folder.iterdir() if path.is_dir())

    def _only(self, roots: Iterator[Path], pattern: str) -> Path:
        found = [path for root in roots for path in sorted(root.glob(pattern))]
        if not found:
            raise self._missing("no Debian kernel")
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ConfigError(f"{self.folder}: which kernel is meant: {names}? Leave one there")
        return found[0]

    def _missing(self, what: str) -> ConfigError:
        return ConfigError(f"{what} in {self.folder}: run `hv linux-packages {self.folder}`")
