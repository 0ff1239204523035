"""What is in a checkpoint's file, and what is not: disks, shared pages, several machines from one file."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from hv.asm import assemble_text
from hv.config import DiskConfig, MachineConfig
from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.checkpoint import (
    Snapshot,
    is_checkpoint,
    load_checkpoint,
    open_checkpoint,
    save_checkpoint,
)
from hv.root.checkpoint.format import write_whole
from hv.root.disk import FileDisk, MemoryDisk, OverlayDisk
from hv.root.images import whole_sectors
from hv.root.machine import Machine, Outputs
from hv.vp import Ending
from hv_devices.synthetic.scsi_device import ScsiDevice
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from hv_devices.synthetic.scsi_inquiry import Identity
from tests.checkpoint.tools import restored
from tests.machines import PASS, flat

MEMORY = 4 << 20
COUNTER = """
    mov ecx, {turns}
again:
    mov [0x100000 + ecx * 4], ecx
    loop again
    mov dx, 0x3f8
    mov al, 'x'
    out dx, al
"""
BOOTS = """
org 0x7c00
bits 16
    mov cx, 30000
idle:
    loop idle
    mov al, 0
    out 0xf4, al
times 510-($-$$) db 0
dw 0xaa55
"""


def counter(turns: int = 20_000) -> Machine:
    return flat(COUNTER.format(turns=turns) + PASS, bits=32)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 256)
    return path


def with_disk(image: Path, mode: str = "overlay", bus: str = "ide") -> Machine:
    config = MachineConfig(memory=MEMORY, disks=(DiskConfig(str(image), bus, mode),))
    code = whole_sectors(assemble_text(BOOTS, name="boots").code)
    boot = load_bytes(code, LoadOptions(memory=MEMORY), name="boots")
    machine = Machine(config, boot)
    machine.run(20_000)
    return machine


def test_an_overlays_changes_are_inside_and_its_image_is_known_by_content(
    image: Path, tmp_path: Path
) -> None:
    machine = with_disk(image, bus="both")
    machine.disk(1).write(7, b"A" * 1024)
    again = restored(machine, tmp_path)
    assert again.disk(1).read(6, 4) == machine.disk(1).read(6, 4)
    assert again.disk(0, "scsi") is again.disk(1)
    assert again.disk(0).read(0, 1)[:3] == b"\xb9\x30\x75"
    assert image.read_bytes() == bytes(range(256)) * 256
    assert again.run().code == 0
    image.write_bytes(bytes(image.stat().st_size))
    with pytest.raises(ConfigError, match=r"disk\.img: is not as it was"):
        load_checkpoint(tmp_path / "first.ckpt")
    image.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        load_checkpoint(tmp_path / "first.ckpt")


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_an_image_itself_comes_back_as_it_was_attached(
    image: Path, mode: str, tmp_path: Path
) -> None:
    again = restored(with_disk(image, mode), tmp_path)
    disk = again.disk(1)
    assert isinstance(disk, FileDisk)
    assert disk.read_only == (mode == "ro")


def test_disks_in_memory_are_each_machines_own(tmp_path: Path) -> None:
    disks = (MemoryDisk(b"\5" * 4096), OverlayDisk(MemoryDisk(100 << 10)))
    machine = Machine(MachineConfig(memory=MEMORY), media=disks)
    machine.disk(1).write(3, b"B" * 512)
    snapshot = Snapshot.of(machine)
    one, two = snapshot.machine(), snapshot.machine()
    one.disk(0).write(0, b"C" * 512)
    one.disk(1).write(3, b"D" * 512)
    assert two.disk(0).read(0, 8) == b"\5" * 4096
    assert two.disk(1).read(3, 1) == b"B" * 512


def test_a_disk_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    class Other:
        sectors, read_only = 8, True

        def close(self) -> None: ...

    machine = Machine(MachineConfig(memory=MEMORY), media=(Other(),))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Other cannot be saved"):
        save_checkpoint(machine, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def with_cdrom(image: Path) -> Machine:
    return Machine(MachineConfig(memory=MEMORY, cdroms=(str(image),)))


def test_discs_that_came_and_went_are_as_they_are_now(image: Path, tmp_path: Path) -> None:
    machine = with_cdrom(image)
    drive = machine.synthetic.storage.target.luns[0]
    assert drive.eject()
    assert restored(machine, tmp_path).synthetic.storage.target.luns[0].medium is None
    other = tmp_path / "other.img"
    other.write_bytes(b"O" * 4096)
    for disc, content in (
        (MemoryDisk(b"M" * 4096, read_only=True), b"M"),
        (FileDisk(other, read_only=True), b"O"),
        (b"B" * 2000, b"B"),
    ):
        drive.insert(disc)
        again = restored(machine, tmp_path).synthetic.storage.target.luns[0]
        assert again.medium.read(1, 1) == content * 512
        assert again.medium.read_only
        assert (again.identity, again.state) == (drive.identity, drive.state)


def test_units_that_came_and_went_are_as_they_are_now(image: Path, tmp_path: Path) -> None:
    machine = with_cdrom(image)
    storage = machine.synthetic.storage
    disk = MemoryDisk(b"H" * 4096)
    storage.attach(9, ScsiDisk(disk, Identity(serial="hot")))
    storage.attach(4, ScsiDvd())
    storage.detach(0)
    again = restored(machine, tmp_path).synthetic.storage
    assert list(again.target.luns) == [9, 4]
    assert again.target.luns[9].medium.read(0, 8) == b"H" * 4096
    assert again.target.luns[9].identity.serial == "hot"
    assert again.target.luns[4].medium is None
    assert again.inspect() == storage.inspect()


def test_a_unit_of_an_unknown_kind_is_refused(image: Path, tmp_path: Path) -> None:
    machine = with_cdrom(image)
    machine.synthetic.storage.attach(1, ScsiDevice(Identity()))
    with pytest.raises(ConfigError, match="ScsiDevice cannot be saved"):
        save_checkpoint(machine, tmp_path / "never")


FLOPPY = 2880  # sectors
READS_FLOPPY = """
    mov dx, 0x5b9
    xor al, al
    out dx, al          ; drive A
    mov ecx, 2000
idle:
    loop idle
    mov dx, 0x5ba
    mov al, 3
    out dx, al          ; is there a medium?
    in al, dx
    out 0xe9, al
    mov al, 1
    out dx, al
    mov dx, 0x5b0
    in al, dx
    out 0xe9, al
"""


@pytest.mark.parametrize("change", [None, b"N"])
def test_a_floppy_that_was_changed_is_the_one_that_is_read(
    change: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"O" * FLOPPY * 512)
    code = assemble_text(READS_FLOPPY + PASS, name="test", origin=0x7C00).code
    options = LoadOptions(memory=MEMORY, format="flat", origin=0x7C00, mode=Mode.REAL16)
    image = load_bytes(code, options, name="test")
    machine = Machine(MachineConfig(memory=MEMORY, disks=(DiskConfig(str(path)),)), image)
    machine.run(1000)
    new = OverlayDisk(MemoryDisk(change * FLOPPY * 512)) if change else None
    assert machine.board.firmware_disk.change(0, new)
    path.unlink()
    again = restored(machine, tmp_path)
    assert machine.run().code == again.run().code == 0
    assert bytes(again.text_log) == bytes(machine.text_log) == (b"\0N" if change else b"\1\xff")


def test_an_image_is_found_beside_a_checkpoint_that_was_moved_with_it(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    machine = with_disk(Path("disk.img"))
    save_checkpoint(machine, Path("one.ckpt"))
    monkeypatch.chdir("/")
    load_checkpoint(tmp_path / "one.ckpt").close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    image.rename(elsewhere / "disk.img")
    with pytest.raises(ConfigError, match=r"disk\.img: no such file"):
        load_checkpoint(tmp_path / "one.ckpt")
    (tmp_path / "one.ckpt").rename(elsewhere / "one.ckpt")
    image.write_bytes(bytes(4096))  # another of that name where it was
    again = load_checkpoint(elsewhere / "one.ckpt")
    assert again.disk(1).read(0, 1) == bytes(range(256)) * 2
    assert again.run().code == 0
    (elsewhere / "disk.img").write_bytes(bytes(4096))
    with pytest.raises(ConfigError, match=r"elsewhere.*is not as it was"):
        load_checkpoint(elsewhere / "one.ckpt")


def test_two_machines_of_one_file_share_nothing_that_they_write(tmp_path: Path) -> None:
    machine = counter()
    machine.run(30_000)
    path = tmp_path / "c.ckpt"
    save_checkpoint(machine, path)
    snapshot = open_checkpoint(path)
    one, two = snapshot.machine(), snapshot.machine()
    assert one.run().code == 0
    assert two.state_hash() == machine.state_hash() != one.state_hash()
    assert two.run().code == machine.run().code == 0
    assert two.state_hash() == machine.state_hash() == one.state_hash()


def test_pages_are_shared_between_the_checkpoints_of_a_folder(tmp_path: Path) -> None:
    machine = counter(60_000)
    sizes = []
    for number, at in enumerate((100_000, 101_000, 102_000)):
        machine.run(at)
        save_checkpoint(machine, tmp_path / f"{number}.ckpt", shared_pages=True)
        sizes.append(len(list((tmp_path / "pages").iterdir())))
    assert sizes[0] > 10
    assert sizes[1] - sizes[0] <= 2
    assert sizes[2] - sizes[1] <= 2
    again = load_checkpoint(tmp_path / "2.ckpt")
    assert again.state_hash() == machine.state_hash()
    damaged = next((tmp_path / "pages").iterdir())
    whole = damaged.read_bytes()
    damaged.write_bytes(whole * 2)
    with pytest.raises(ConfigError, match="unused data"):
        load_checkpoint(tmp_path / "2.ckpt")
    damaged.write_bytes(whole)
    for page in (tmp_path / "pages").iterdir():
        page.write_bytes(damaged.read_bytes())
    with pytest.raises(ConfigError, match="does not match its checksum"):
        load_checkpoint(tmp_path / "2.ckpt")
    damaged.unlink()
    with pytest.raises(ConfigError, match="pages"):
        load_checkpoint(tmp_path / "0.ckpt")


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path, halves = tmp_path / "page", (b"one half, ", b"the other")

    def interrupted() -> Iterator[bytes]:
        yield halves[0]
        other = Thread(target=write_whole, args=(path, halves))
        other.start()
        other.join()
        assert path.read_bytes() == b"".join(halves)
        yield halves[1]

    write_whole(path, interrupted())
    assert path.read_bytes() == b"".join(halves)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_printed_after_goes_to_new_outputs(tmp_path: Path) -> None:
    machine = counter()
    machine.run(1000)
    save_checkpoint(machine, tmp_path / "c.ckpt")
    heard: list[bytes] = []
    again = load_checkpoint(tmp_path / "c.ckpt", Outputs(serial=heard.append))
    assert again.run().ending is Ending.DEBUG_EXIT
    assert b"".join(heard) == bytes(again.serial_log) == b"x"


def test_a_machine_in_the_middle_of_an_exit_is_refused(tmp_path: Path) -> None:
    machine = counter()
    machine.run(1000)
    path = tmp_path / "c.ckpt"
    save_checkpoint(machine, path)
    again = load_checkpoint(path, Outputs(serial=lambda _data: save_checkpoint(again, path)))
    with pytest.raises(ConfigError, match="when its run has returned"):
        again.run()
    load_checkpoint(path).close()


def test_a_cost_model_that_has_changed_is_refused(tmp_path: Path) -> None:
    from importlib.resources import files

    model = tmp_path / "model.toml"
    source = files("hv.cost").joinpath("hv-2026.1.toml")
    model.write_text(source.read_text())
    machine = Machine(MachineConfig(memory=MEMORY, cost_model=str(model)))
    path = tmp_path / "c.ckpt"
    save_checkpoint(machine, path)
    load_checkpoint(path).close()
    model.write_text(source.read_text().replace("typical = 1", "typical = 2", 1))
    with pytest.raises(ConfigError, match="cost model"):
        load_checkpoint(path)


def test_what_is_no_checkpoint_is_not_taken_for_one(tmp_path: Path) -> None:
    assert not is_checkpoint(tmp_path / "nothing")
    assert not is_checkpoint(tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        load_checkpoint(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="Is a directory"):
        save_checkpoint(counter(), tmp_path)
