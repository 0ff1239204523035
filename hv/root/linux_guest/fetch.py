"""Fetches Debian's kernels and its static busybox through apt, and unpacks them.

What is fetched is whatever the machine's own apt sources call current: ``apt-get download`` checks the
signatures, ``dpkg-deb`` unpacks, nothing is installed and no root rights are needed. A machine without
package lists gets a private set in the folder. Left out: other distributions.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from hv.errors import ConfigError
from hv.root.linux_guest.packages import (
    BUSYBOX,
    CURRENT,
    FLAVOURS,
    KERNELS,
    NEWER,
    Packages,
    entry,
)

Tell = Callable[[str], None]


def fetch(folder: Path, flavours: Sequence[str], tell: Tell) -> Packages:
    """Bring ``flavours`` and busybox into ``folder``. What is already there is not fetched again.

    Versions that are no longer in use go; nothing else in the folder is touched.
    """
    for flavour in flavours:
        if flavour not in FLAVOURS:
            known = ", ".join(FLAVOURS)
            raise ConfigError(f"unknown kernel {flavour}: choose from {known}", usage=True)
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise ConfigError(
                f"no {tool} here: unpack Debian's {KERNELS['cloud']} kernel and {BUSYBOX} in {folder}"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _fill(folder.resolve(), flavours, tell)
    except OSError as error:
        raise ConfigError(f"{folder}: {(error.strerror or str(error)).lower()}") from None


def _fill(folder: Path, flavours: Sequence[str], tell: Tell) -> Packages:
    packages = Packages(folder)
    apt = _Apt(folder, tell)
    before = packages.current()
    current = dict(before)
    for flavour in flavours:
        source = _Apt(folder, tell, suite=NEWER) if flavour == NEWER else apt
        name = source.kernel_behind(KERNELS["cloud" if flavour == NEWER else flavour])
        current[entry(flavour)] = _bring(source, name, folder, tell)
    current[BUSYBOX] = _bring(apt, BUSYBOX, folder, tell)
    text = "".join(f"{name} {version}\n" for name, version in sorted(current.items()))
    (folder / CURRENT).write_text(text)
    for unused in sorted(set(before.values()) - set(current.values())):
        shutil.rmtree(folder / unused, ignore_errors=True)
    return packages


def _bring(apt: "_Apt", package: str, folder: Path, tell: Tell) -> str:
    """Download and unpack ``package`` unless this version is there; its folder's name."""
    name = f"{package}_{apt.version(package).replace(':', '%3a')}"
    if (folder / name).is_dir():
        return name
    tell(f"fetching {package}")
    partial = folder / f"{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    apt.download(package, partial)
    archives = sorted(partial.glob("*.deb"))
    if len(archives) != 1:
        raise ConfigError(f"{package}: apt-get downloaded {len(archives)} packages, not one")
    _run(["dpkg-deb", "-x", str(archives[0]), str(partial / "root")])
    (partial / "root").rename(folder / name)
    shutil.rmtree(partial)
    return name


class _Apt:
    """apt's command line, on the machine's package lists or, where there are none, private ones.

    ``suite`` wants a suite beside the machine's own, from the place that its own come from.
    """

    def __init__(self, folder: Path, tell: Tell, suite: str = "") -> None:
        self._state = folder / (f"apt-{suite}" if suite else "apt")
        self._tell = tell
        # As root apt would switch to a user who may not write into the folder.
        self._options = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        if suite:
            self._use_suite(suite)
        elif not self._record(KERNELS["cloud"]):
            self._use_private_lists("")

    def kernel_behind(self, name: str) -> str:
        """The versioned kernel package that ``name`` depends on."""
        depends = self._known(name).get("Depends", "")
        found = re.search(r"\blinux-image-[\w.+-]+", depends)
        if found is None:
            raise ConfigError(f"{name} depends on no linux-image package")
        return found[0]

    def version(self, package: str) -> str:
        return self._known(package)["Version"]

    def download(self, package: str, folder: Path) -> None:
        _run(["apt-get", *self._options, "-q", "download", package], cwd=folder)

    def _known(self, package: str) -> dict[str, str]:
        record = self._record(package)
        if not record:
            raise ConfigError(
                f"apt knows no package {package}: it takes Debian's sources for amd64"
            )
        return record

    def _record(self, package: str) -> dict[str, str]:
        """The first lines of the candidate's fields; empty when apt has none."""
        command = ["apt-cache", *self._options, "show", "--no-all-versions", package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        fields = (line.partition(": ") for line in done.stdout.splitlines() if line[:1].isalpha())
        return {} if done.returncode else {name: value for name, _, value in fields}

    def _use_suite(self, suite: str) -> None:
        """Private lists of one suite alone."""
        listing = self._state / "sources.list"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text(f"deb {_archive()} {_codename()}-{suite} main\n")
        self._options += [
            *("-o", f"Dir::Etc::SourceList={listing}"),
            *("-o", "Dir::Etc::SourceParts=/dev/null"),
        ]
        self._use_private_lists(suite)

    def _use_private_lists(self, suite: str) -> None:
        for part in ("lists/partial", "cache/archives/partial"):
            (self._state / part).mkdir(parents=True, exist_ok=True)
        self._options += [
            *("-o", f"Dir::State::Lists={self._state}/lists"),
            *("-o", f"Dir::Cache={self._state}/cache"),
        ]
        self._tell(f"fetching package lists {suite}".rstrip())
        _run(["apt-get", *self._options, "-q", "update"])


def _codename() -> str:
    """The release's name, as suites have it."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")


def _archive() -> str:
    """Where the machine's own packages come from, by its apt sources."""
    for path in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        text = path.read_text() if path.is_file() else ""
        found = re.search(
            r"^(?:URIs:|deb(?: \[.*?\])?)\s+(\S+/debian/?)(?:\s|$)", text, re.MULTILINE
        )
        if found is not None:
            return found[1]
    raise ConfigError("apt's sources name no Debian archive")


def _run(command: Sequence[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ConfigError(f"{command[0]} failed ({done.returncode}): {reason}")
