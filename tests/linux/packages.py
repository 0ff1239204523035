"""Debian's kernels and its static busybox, fetched through apt and unpacked beside the checkout.

``python -m tests.linux.packages`` fills ``.cache/linux``; the functions below only look there, so a
test needs neither network nor apt. What is fetched is whatever the machine's own apt sources call
current: ``apt-get download`` checks the signatures, ``dpkg-deb`` unpacks, nothing is installed and
no root rights are needed. A machine without package lists gets a private set under the cache.

One package a folder, ``current.txt`` naming the ones in use. Left out: other distributions.
"""

import os
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

BUSYBOX = "busybox-static"


class PackageError(Exception):
    """One line that says what is missing and what to do about it."""


# --- what tests ask ---


def kernel(flavour: str = "cloud") -> Path:
    """The bzImage."""
    return _only(_unpacked(KERNELS[flavour]) / "boot", "vmlinuz-*")


def modules_dir(flavour: str = "cloud") -> Path:
    """The kernel's ``lib/modules/RELEASE`` folder."""
    root = _unpacked(KERNELS[flavour])
    modules = root / "lib" / "modules"
    return _only(modules if modules.is_dir() else root / "usr" / "lib" / "modules", "*")


def busybox() -> Path:
    """A static busybox."""
    root = _unpacked(BUSYBOX)
    binary = root / "bin" / "busybox"
    return binary if binary.is_file() else root / "usr" / "bin" / "busybox"


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


def fetch(flavours: Sequence[str] = tuple(KERNELS)) -> None:
    """Bring ``flavours`` and busybox into the cache. What is already there is not fetched again."""
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PackageError(f"no {tool} here: Debian's kernel is fetched on a Debian system")
    CACHE.mkdir(parents=True, exist_ok=True)
    apt = _Apt()
    current = _read_current()
    wanted = {KERNELS[flavour]: apt.kernel_behind(KERNELS[flavour]) for flavour in flavours}
    for name, package in {**wanted, BUSYBOX: BUSYBOX}.items():
        current[name] = _bring(apt, package)
    text = "".join(f"{name} {folder}\n" for name, folder in sorted(current.items()))
    (CACHE / "current.txt").write_text(text)
    for folder in CACHE.iterdir():
        if folder.is_dir() and folder.name not in {*current.values(), _Apt.PRIVATE}:
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
    """apt's command line, on the machine's package lists or, where there are none, private ones."""

    PRIVATE = "apt"

    def __init__(self) -> None:
        # As root apt would switch to a user who cannot write into the checkout.
        self._options = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        if not self._record(KERNELS["cloud"]):
            self._use_private_lists()

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

    def _use_private_lists(self) -> None:
        state = CACHE / self.PRIVATE
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True, exist_ok=True)
        self._options += [
            *("-o", f"Dir::State::Lists={state}/lists"),
            *("-o", f"Dir::Cache={state}/cache"),
        ]
        print("no package lists on this machine: fetching them", file=sys.stderr)
        _run(["apt-get", *self._options, "-q", "update"])


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise PackageError(f"{command[0]} failed ({done.returncode}): {reason}")
    return done.stdout


def main() -> int:
    """Fill the cache; arguments are flavours (none: all)."""
    flavours = sys.argv[1:] or list(KERNELS)
    unknown = sorted(set(flavours) - set(KERNELS))
    try:
        if unknown:
            raise PackageError(f"unknown kernel {unknown[0]}: choose from {', '.join(KERNELS)}")
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
