"""The wheel holds what an installation needs, and works away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def python(
    *arguments: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, **environment},
    )


def build_wheel(folder: Path) -> Path:
    """The wheel of what git knows here, built in ``folder``."""
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", folder)
    python("-m", "pip", "wheel", *options, source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_it_installs_two_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"hv", "hv_devices"}


def test_the_assembly_sources_ship_with_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"hv/_sources/guests/guests.toml", "hv/_sources/firmware/bios.asm"} <= names
    assert {f"hv/_sources/guests/linux/{name}" for name in ("init", "mark.asm")} <= names
    assert "hv/asm/worker.py" in names


def test_it_is_a_plugin_of_pytest_and_typed(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (entries,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
    assert "[pytest11]\nhv.testing.plugin = hv.testing.plugin" in archive.read(entries).decode()
    assert "hv/py.typed" in archive.namelist()


def test_the_page_of_a_comparison_ships_with_it(wheel: Path) -> None:
    assert "hv/root/compare/page.html" in zipfile.ZipFile(wheel).namelist()


def test_it_boots_a_sample_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    options = ("--no-deps", "--no-index", "--quiet", "--target", tmp_path / "site")
    python("-m", "pip", "install", *options, wheel, cwd=tmp_path)
    run = python(
        *("-c", "import hv, sys; print(hv.__file__); from hv.cli import main; main()"),
        *("run", "@hello"),
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
    )
    where, text = run.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert text == "Hello from real mode"
