"""Fetching Debian's packages, against an apt that is a shell script."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.linux import packages

APT_CACHE = """#!/bin/sh
for word; do package=$word; done
version=1 more='Description: x'
case $package in
linux-image-cloud-amd64) more='Depends: linux-image-9-cloud-amd64 (= 1)' ;;
linux-image-9-cloud-amd64) version=VERSION ;;
busybox-static) version=1:2-3 ;;
*) exit 100 ;;
esac
printf 'Package: %s\\nVersion: %s\\n%s\\n continued: y\\n' $package $version "$more"
"""
APT_GET = """#!/bin/sh
for word; do package=$word; done
echo $package >> "LOG"
touch $package.deb
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/boot" "$3/bin" "$3/lib/modules/9-cloud-amd64"
touch "$3/boot/vmlinuz-9-cloud-amd64" "$3/bin/busybox"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with our apt, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(packages, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    install(folder, "1.0")
    return folder


def install(folder: Path, version: str) -> None:
    log = str(folder / "log")
    scripts = {"apt-cache": APT_CACHE, "apt-get": APT_GET, "dpkg-deb": DPKG_DEB}
    for name, text in scripts.items():
        path = folder / name
        path.write_text(text.replace("LOG", log).replace("VERSION", version))
        path.chmod(0o755)


def downloads(tools: Path) -> list[str]:
    log = tools / "log"
    return log.read_text().split() if log.exists() else []


def test_the_kernel_behind_the_name_is_unpacked(tools: Path) -> None:
    packages.fetch(["cloud"])
    assert packages.kernel("cloud").name == "vmlinuz-9-cloud-amd64"
    assert packages.kernel("cloud").is_file()
    assert packages.modules_dir("cloud").name == "9-cloud-amd64"
    assert packages.busybox().is_file()


def test_what_is_there_is_not_fetched_again(tools: Path) -> None:
    packages.fetch(["cloud"])
    packages.fetch(["cloud"])
    assert downloads(tools) == ["linux-image-9-cloud-amd64", "busybox-static"]


def test_a_new_version_replaces_the_old_one(tools: Path) -> None:
    packages.fetch(["cloud"])
    old = packages.kernel("cloud")
    install(tools, "1.1")
    packages.fetch(["cloud"])
    assert packages.kernel("cloud") != old
    assert packages.kernel("cloud").is_file()
    assert not old.exists()


def test_an_interrupted_fetch_is_done_again(tools: Path) -> None:
    partial = packages.CACHE / "linux-image-9-cloud-amd64_1.0.partial" / "root"
    partial.mkdir(parents=True)
    packages.fetch(["cloud"])
    assert packages.kernel("cloud").is_file()
    assert not partial.exists()


def test_a_package_that_apt_does_not_know_is_named(tools: Path) -> None:
    with pytest.raises(packages.PackageError, match="apt knows no package linux-image-amd64"):
        packages.fetch(["generic"])


def test_a_failing_tool_is_quoted(tools: Path) -> None:
    (tools / "apt-get").write_text("#!/bin/sh\necho noise\necho 'E: no network' >&2\nexit 100\n")
    with pytest.raises(packages.PackageError, match=r"apt-get failed \(100\): E: no network"):
        packages.fetch(["cloud"])


def test_without_lists_private_ones_are_fetched(tools: Path) -> None:
    """An apt-cache that only knows packages once it is pointed at the cache's own lists."""
    script = (tools / "apt-cache").read_text()
    guard = 'case "$*" in *Dir::State::Lists=*) ;; *) exit 100 ;; esac\n'
    (tools / "apt-cache").write_text(script.replace("#!/bin/sh\n", "#!/bin/sh\n" + guard))
    packages.fetch(["cloud"])
    assert downloads(tools)[0] == "update"
    assert packages.kernel("cloud").is_file()


def test_an_empty_cache_says_how_to_fill_it(tools: Path) -> None:
    with pytest.raises(packages.PackageError, match=r"run \.ci/fetch-linux"):
        packages.kernel("cloud")


def run_script(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "tests.linux.packages", *arguments],
        cwd=root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_apt_is_told_so(tmp_path: Path) -> None:
    done = run_script(path=str(tmp_path))
    assert done.returncode == 1
    assert (
        done.stderr
        == "fetch-linux: no apt-get here: Debian's kernel is fetched on a Debian system\n"
    )


def test_an_unknown_kernel_lists_the_known_ones(tmp_path: Path) -> None:
    done = run_script("realtime", path=str(tmp_path))
    assert done.returncode == 1
    assert "choose from cloud, generic" in done.stderr


def test_the_ci_script_runs_from_anywhere(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[2] / ".ci" / "fetch-linux"
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\necho "$PWD $*"\n')
    python.chmod(0o755)
    tools = os.pathsep.join([str(tmp_path), str(Path(shutil.which("dirname") or "/bin/x").parent)])
    done = subprocess.run(
        [script, "cloud"],
        cwd=tmp_path,
        env={**os.environ, "PATH": tools},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{script.parents[1]} -m tests.linux.packages cloud\n"
