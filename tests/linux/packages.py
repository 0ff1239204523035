"""Debian's kernels and its static busybox, fetched through apt and unpacked beside the checkout.

``python -m tests.linux.packages`` fills ``.cache/linux``; the functions below only look there, so a
test needs neither network nor apt. What is fetched is whatever the machine's own apt sources call
current: ``apt-get download`` checks the signatures, ``dpkg-deb`` unpacks, nothing is installed and
no root rights are needed. A machine without package lists gets a private set under the cache.

One package a folder, ``current.txt`` naming the ones in use. Left out: other distributions.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "linux"

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


class PackageError(Exception):
    """One line that says what is missing and what to do about it."""


# --- what tests ask ---


def kernel(flavour: str = "cloud") -> Path:
    """The bzImage."""
    return _only(_unpacked(_entry(flavour)) / "boot", "vmlinuz-*")


def modules_dir(flavour: str = "cloud") -> Path:
    """The kernel's ``lib/modules/RELEASE`` folder."""
    root = _unpacked(_entry(flavour))
    modules = root / "lib" / "modules"
    return _only(modules if modules.is_dir() else root / "usr" / "lib" / "modules", "*")


def busybox() -> Path:
    """A static busybox."""
    root = _unpacked(BUSYBOX)
    binary = root / "bin" / "busybox"
    return binary if binary.is_file() else root / "usr" / "bin" / "busybox"


def _entry(flavour: str) -> str:
    """What ``current.txt`` calls a flavour's kernel."""
    return f"{KERNELS['cloud']}/{NEWER}" if flavour == NEWER else KERNELS[flavour]


def _unpacked(name: str) -> Path:
    """Folder of the package behind ``name``."""
    folder = _read_current().get(name)
    if folder is None or not (CACHE / folder).is_dir():
        raise PackageError(f"{name} is not in {CACHE}: run .ci/fetch-linux")
    return CACHE / folder


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise PackageError(
            f"{folder}: expected one {pattern}, found {len(found)}; run .ci/fetch-linux"
        )
    return found[0]


def _read_current() -> dict[str, str]:
    try:
        lines = (CACHE / "current.txt").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split(" ", 1) for line in lines)


# --- filling the cache ---


def fetch(flavours: Sequence[str] = FLAVOURS) -> None:
    """Bring ``flavours`` and busybox into the cache. What is already there is not fetched again."""
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PackageError(f"no {tool} here: Debian's kernel is fetched on a Debian system")
    CACHE.mkdir(parents=True, exist_ok=True)
    apt = _Apt()
    current = _read_current()
    for flavour in flavours:
        name = KERNELS["cloud" if flavour == NEWER else flavour]
        source = _Apt(suite=NEWER) if flavour == NEWER else apt
        current[_entry(flavour)] = _bring(source, source.kernel_behind(name))
    current[BUSYBOX] = _bring(apt, BUSYBOX)
    text = "".join(f"{name} {folder}\n" for name, folder in sorted(current.items()))
    (CACHE / "current.txt").write_text(text)
    for folder in CACHE.iterdir():
        if folder.is_dir() and folder.name not in {*current.values(), *_Apt.PRIVATE.values()}:
            shutil.rmtree(folder)


def _bring(apt: "_Apt", package: str) -> str:
    """Download and unpack ``package`` unless this version is there; its folder's name."""
    folder = f"{package}_{apt.version(package).replace(':', '%3a')}"
    if (CACHE / folder).is_dir():
        return folder
    print(f"fetching {package}", file=sys.stderr)
    partial = CACHE / f"{folder}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    apt.download(package, partial)
    archive = _only(partial, "*.deb")
    _run(["dpkg-deb", "-x", str(archive), str(partial / "root")])
    (partial / "root").rename(CACHE / folder)
    shutil.rmtree(partial)
    return folder


class _Apt:
    """apt's command line, on the machine's package lists or, where there are none, private ones.

    ``suite`` wants a suite beside the machine's own, from the place that its own come from.
    """

    PRIVATE = {"": "apt", NEWER: f"apt-{NEWER}"}

    def __init__(self, suite: str = "") -> None:
        # As root apt would switch to a user who cannot write into the checkout.
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
            raise PackageError(f"{name} depends on no linux-image package")
        return found[0]

    def version(self, package: str) -> str:
        return self._known(package)["Version"]

    def download(self, package: str, folder: Path) -> None:
        _run(["apt-get", *self._options, "-q", "download", package], cwd=folder)

    def _known(self, package: str) -> dict[str, str]:
        record = self._record(package)
        if not record:
            raise PackageError(
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
        listing = CACHE / self.PRIVATE[suite] / "sources.list"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text(f"deb {_archive()} {_codename()}-{suite} main\n")
        self._options += [
            *("-o", f"Dir::Etc::SourceList={listing}"),
            *("-o", "Dir::Etc::SourceParts=/dev/null"),
        ]
        self._use_private_lists(suite)

    def _use_private_lists(self, suite: str) -> None:
        state = CACHE / self.PRIVATE[suite]
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True, exist_ok=True)
        self._options += [
            *("-o", f"Dir::State::Lists={state}/lists"),
            *("-o", f"Dir::Cache={state}/cache"),
        ]
        print(f"fetching package lists {suite}".rstrip(), file=sys.stderr)
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
    raise PackageError("apt's sources name no Debian archive")


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise PackageError(f"{command[0]} failed ({done.returncode}): {reason}")
    return done.stdout


def main() -> int:
    """Fill the cache; arguments are flavours (none: all)."""
    flavours = sys.argv[1:] or list(FLAVOURS)
    unknown = sorted(set(flavours) - set(FLAVOURS))
    try:
        if unknown:
            raise PackageError(f"unknown kernel {unknown[0]}: choose from {', '.join(FLAVOURS)}")
        fetch(flavours)
    except PackageError as error:
        print(f"fetch-linux: {error}", file=sys.stderr)
        return 1
    for flavour in flavours:
        print(kernel(flavour))
    print(busybox())
    return 0


if __name__ == "__main__":
    sys.exit(main())
