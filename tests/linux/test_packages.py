"""Fetching Debian's packages, against an apt that is a shell script."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.root.linux_guest.fetch import fetch
from hv.root.linux_guest.packages import Packages, default_folder

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
[ $package = update ] || touch $package.deb
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/boot" "$3/bin" "$3/lib/modules/9-cloud-amd64"
touch "$3/boot/vmlinuz-9-cloud-amd64" "$3/bin/busybox"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with our apt."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    install(folder, "1.0")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A folder to be filled."""
    return tmp_path / "cache"


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


def bring(cache: Path, flavour: str = "cloud") -> Packages:
    return fetch(cache, [flavour], lambda _line: None)


def test_the_kernel_behind_the_name_is_unpacked(tools: Path, cache: Path) -> None:
    packages = bring(cache)
    assert packages.kernel("cloud").name == "vmlinuz-9-cloud-amd64"
    assert packages.kernel("cloud").is_file()
    assert packages.modules("cloud").name == "9-cloud-amd64"
    assert packages.busybox().is_file()


def test_what_is_fetched_is_told(tools: Path, cache: Path) -> None:
    told: list[str] = []
    fetch(cache, ["cloud"], told.append)
    assert told == ["fetching linux-image-9-cloud-amd64", "fetching busybox-static"]


def test_what_is_there_is_not_fetched_again(tools: Path, cache: Path) -> None:
    bring(cache)
    bring(cache)
    assert downloads(tools) == ["linux-image-9-cloud-amd64", "busybox-static"]


def test_a_new_version_replaces_the_old_one(tools: Path, cache: Path) -> None:
    old = bring(cache).kernel("cloud")
    install(tools, "1.1")
    packages = bring(cache)
    assert packages.kernel("cloud") != old
    assert packages.kernel("cloud").is_file()
    assert not old.exists()


def test_what_else_is_in_the_folder_stays(tools: Path, cache: Path) -> None:
    (cache / "letters").mkdir(parents=True)
    (cache / "letters" / "draft").write_text("Dear")
    bring(cache)
    install(tools, "1.1")
    bring(cache)
    assert (cache / "letters" / "draft").read_text() == "Dear"


def test_an_interrupted_fetch_is_done_again(tools: Path, cache: Path) -> None:
    partial = cache / "linux-image-9-cloud-amd64_1.0.partial" / "root"
    partial.mkdir(parents=True)
    assert bring(cache).kernel("cloud").is_file()
    assert not partial.exists()


def test_a_package_that_apt_does_not_know_is_named(tools: Path, cache: Path) -> None:
    with pytest.raises(ConfigError, match="apt knows no package linux-image-amd64"):
        bring(cache, "generic")


def test_a_failing_tool_is_quoted(tools: Path, cache: Path) -> None:
    (tools / "apt-get").write_text("#!/bin/sh\necho noise\necho 'E: no network' >&2\nexit 100\n")
    with pytest.raises(ConfigError, match=r"apt-get failed \(100\): E: no network"):
        bring(cache)


def test_a_folder_that_cannot_be_made_is_named(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/cache: not a directory"):
        bring(tmp_path / "file" / "cache")


def test_without_lists_private_ones_are_fetched(tools: Path, cache: Path) -> None:
    """An apt-cache that only knows packages once it is pointed at the cache's own lists."""
    script = (tools / "apt-cache").read_text()
    guard = 'case "$*" in *Dir::State::Lists=*) ;; *) exit 100 ;; esac\n'
    (tools / "apt-cache").write_text(script.replace("#!/bin/sh\n", "#!/bin/sh\n" + guard))
    packages = bring(cache)
    assert downloads(tools)[0] == "update"
    assert packages.kernel("cloud").is_file()


# --- what was not fetched by us ---


def unpack(folder: Path, *releases: str) -> None:
    """As ``dpkg-deb -x`` leaves the packages."""
    for release in releases:
        (folder / "boot").mkdir(parents=True, exist_ok=True)
        (folder / "boot" / f"vmlinuz-{release}").touch()
        (folder / "usr" / "lib" / "modules" / release).mkdir(parents=True)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "busybox").touch()


@pytest.mark.parametrize("below", [".", "unpacked"])
def test_packages_unpacked_by_hand_are_found(below: str, tmp_path: Path) -> None:
    unpack(tmp_path / below, "7-amd64")
    packages = Packages(tmp_path)
    assert packages.kernel().name == "vmlinuz-7-amd64"
    assert packages.modules().name == "7-amd64"
    assert packages.busybox().is_file()


def test_of_two_kernels_unpacked_by_hand_none_is_guessed(tmp_path: Path) -> None:
    unpack(tmp_path, "7-amd64", "8-amd64")
    with pytest.raises(
        ConfigError, match="which kernel is meant: vmlinuz-7-amd64, vmlinuz-8-amd64"
    ):
        Packages(tmp_path).kernel()


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=rf"no Debian kernel in {tmp_path}: run `hv linux-packages"
    ):
        Packages(tmp_path).kernel()


def test_a_kernel_without_its_modules_says_so(tmp_path: Path) -> None:
    unpack(tmp_path, "7-amd64")
    (tmp_path / "usr" / "lib" / "modules" / "7-amd64").rmdir()
    with pytest.raises(ConfigError, match="no modules of 7-amd64 in"):
        Packages(tmp_path).modules()


def test_the_checkouts_own_folder_comes_before_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_folder() == Path("/somewhere/hv/linux")
    (tmp_path / ".cache" / "linux").mkdir(parents=True)
    assert default_folder() == Path(".cache/linux")


# --- the commands ---


def linux_packages(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``hv linux-packages`` with the PATH as it is."""
    return subprocess.run(
        [sys.executable, "-m", "hv", "linux-packages", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_users_command_fills_a_folder_and_says_what_is_there(tools: Path, cache: Path) -> None:
    done = linux_packages(cache)
    packages = Packages(cache)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [str(packages.kernel()), str(packages.busybox())]
    assert done.stderr == "hv: fetching linux-image-9-cloud-amd64\nhv: fetching busybox-static\n"


def test_the_users_command_answers_a_mistake_in_one_line(tools: Path, cache: Path) -> None:
    done = linux_packages(cache, "--kernel", "realtime")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "hv: unknown kernel realtime: choose from cloud, generic, backports\n"


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
    assert done.stderr.startswith("fetch-linux: no apt-get here: unpack Debian's linux-image-")
    assert done.stderr.count("\n") == 1


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
