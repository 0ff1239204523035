"""The initramfs writer, read back with another eye (buffer-format.rst, "newc")."""

import lzma
import stat
from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.root.linux_guest.cpio import archive, character_device, directory, file, link
from hv.root.linux_guest.modules import modules_dep, modules_with_dependencies
from tests.linux import initramfs


def members(data: bytes) -> dict[str, tuple[int, bytes, tuple[int, int]]]:
    """Name -> mode, contents, device number."""
    found = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        _, mode, uid, gid, _, mtime, size, _, _, major, minor, name_size, _ = fields
        assert (uid, gid, mtime) == (0, 0, 0)
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        start = at + 110 + name_size + (-(110 + name_size) % 4)
        at = start + size + (-size % 4)
        if name == "TRAILER!!!":
            assert at == len(data)
            return found
        found[name] = (mode, data[start : start + size], (major, minor))


def test_files_links_devices_and_folders_survive() -> None:
    found = members(
        archive(
            [
                file("init", b"#!/bin/sh\n", 0o755),
                link("sh", "busybox"),
                character_device("console", 5, 1),
                directory("proc"),
            ]
        )
    )
    assert found == {
        "console": (stat.S_IFCHR | 0o600, b"", (5, 1)),
        "init": (stat.S_IFREG | 0o755, b"#!/bin/sh\n", (0, 0)),
        "proc": (stat.S_IFDIR | 0o755, b"", (0, 0)),
        "sh": (stat.S_IFLNK | 0o777, b"busybox", (0, 0)),
    }


def test_folders_come_before_what_is_in_them() -> None:
    names = list(members(archive([file("a/b/c", b"x"), file("a.d", b"y")])))
    assert names == ["a", "a.d", "a/b", "a/b/c"]


def test_the_order_of_the_entries_does_not_matter() -> None:
    entries = [file(name, name.encode() * 3) for name in ("one", "two", "x/three")]
    assert archive(entries) == archive(reversed(entries))


@pytest.mark.parametrize("size", range(9))
def test_contents_of_any_length_are_padded(size: int) -> None:
    data = bytes(range(1, size + 1))
    assert members(archive([file("n" * size + "x", data)]))["n" * size + "x"][1] == data


# --- kernel modules ---


def module(name: str, *depends: str) -> bytes:
    """The part of a module that the resolver reads."""
    return b"ELF...\0license=GPL\0depends=%s\0name=%s\0" % (
        ",".join(depends).encode(),
        name.encode(),
    )


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """base <- middle <- top; one name with a dash, one file compressed."""
    drivers = tmp_path / "6.1-test" / "kernel" / "drivers"
    drivers.mkdir(parents=True)
    (drivers / "top.ko").write_bytes(module("top", "middle-layer", "base"))
    (drivers / "middle-layer.ko.xz").write_bytes(lzma.compress(module("middle_layer", "base")))
    (drivers / "base.ko").write_bytes(module("base"))
    (drivers / "alone.ko").write_bytes(module("alone"))
    return drivers.parents[1]


def test_a_module_comes_after_all_that_it_needs(modules: Path) -> None:
    found = modules_with_dependencies(modules, ["top"])
    assert list(found) == ["base", "middle_layer", "top"]
    assert found["middle_layer"].path == "kernel/drivers/middle-layer.ko"
    assert found["middle_layer"].data == module("middle_layer", "base")


def test_modules_dep_lists_the_nearest_dependency_first(modules: Path) -> None:
    found = modules_with_dependencies(modules, ["top", "alone"])
    top, middle, base = (f"kernel/drivers/{n}.ko" for n in ("top", "middle-layer", "base"))
    assert modules_dep(found).decode().splitlines() == [
        f"{base}:",
        f"{middle}: {base}",
        f"{top}: {middle} {base}",
        "kernel/drivers/alone.ko:",
    ]


def test_a_module_that_is_not_there_is_named(modules: Path) -> None:
    with pytest.raises(ConfigError, match=r"6\.1-test has no module psmouse"):
        modules_with_dependencies(modules, ["psmouse"])


def test_marks_are_read_from_the_console() -> None:
    console = b"[    0.1] booting\r\nMARK init=started\r\nMARK keys=1:0,2:1\r\nMARK init=done\r\n"
    assert initramfs.marks(console) == {"init": "done", "keys": "1:0,2:1"}


@pytest.mark.linux
def test_debians_initramfs_holds_what_the_script_loads(
    flavour: str, debian_initramfs: Path
) -> None:
    found = members(debian_initramfs.read_bytes())
    assert all(found[name][0] & 0o111 for name in ("init", "sbin/poweroff", "sbin/reboot"))
    assert {"init-pc", "init-hv"} <= set(found)
    assert found["dev/console"][2] == (5, 1)
    names = {Path(name).name for name in found}
    assert {f"{name}.ko" for name in initramfs.MODULES[flavour]} <= names
    assert {"libata.ko", "scsi_mod.ko", "modules.dep"} <= names


@pytest.mark.linux
def test_debians_initramfs_is_the_same_each_time(flavour: str, debian_initramfs: Path) -> None:
    assert initramfs.build(flavour) == debian_initramfs.read_bytes()
