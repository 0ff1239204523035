"""What Linux sends when it finds a controller, in its order, and what it makes of the answers.

The scan follows scsi_scan.c, sd.c and sr.c as of 6.1, with what storvsc_drv.c does to completions: INQUIRY
and MODE SENSE(6) count as good whatever the host says, and the buffer they leave then is all that counts.
"""

import struct
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from hv_devices.synthetic.scsi_device import ScsiDevice
from hv_devices.synthetic.scsi_disk import ScsiDisk
from hv_devices.synthetic.scsi_dvd import ScsiDvd
from hv_devices.synthetic.scsi_inquiry import Identity
from hv_devices.synthetic.storvsp import ide_accelerator, scsi_controller
from tests.devices.scsi_initiator import BLOCK, SparseDisk, inquiry, pattern, report_luns, ten
from tests.devices.storvsc_driver import CHECK_CONDITION, INVALID_LUN, READ, Done, Driver

CHANNELS, TARGETS = 8, 2


@dataclass
class Linux:
    """The SCSI middle layer over one storvsc host."""

    driver: Driver
    found: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    """Standard INQUIRY data of devices, by channel, target and LUN."""
    commands: int = 0

    def execute(
        self, where: tuple[int, int, int], cdb: bytes | str, room: int
    ) -> tuple[Done, bytes, int]:
        """A command that reads; its completion, the buffer (zeroed before), and how much of it is unused."""
        self.commands += 1
        path, target, lun = where
        if isinstance(cdb, str):
            cdb = bytes.fromhex(cdb)
        buffer = self.driver.guest.buffer(room, data=bytes(room)) if room else None
        packet = self.driver.srb(
            cdb, path=path, target=target, lun=lun, direction=READ if room else 2, transfer=room
        )
        done = Done(self.driver.call(packet, buffers=[buffer] if buffer else None))
        data = buffer.data() if buffer else b""
        if cdb[0] in (0x12, 0x1A):
            return done, data, room - min(done.transferred, room)
        if done.srb != 1:
            return done, data, room
        return done, data, room - min(done.transferred, room)

    def good(self, where: tuple[int, int, int], cdb: bytes | str, room: int = 0) -> bytes:
        done, data, residue = self.execute(where, cdb, room)
        assert done.good, done.packet.hex()
        return data[: room - residue]

    # scsi_scan.c

    def scan(self) -> "Linux":
        for channel in range(CHANNELS):
            for target in range(TARGETS):
                self.scan_target(channel, target)
        return self

    def scan_target(self, channel: int, target: int) -> None:
        self.probe((channel, target, 0))
        done, data, _ = self.execute((channel, target, 0), report_luns(), 0x1000)
        assert done.good
        (length,) = struct.unpack_from(">I", data)
        for at in range(8, 8 + length, 8):
            lun = struct.unpack_from(">H", data, at)[0]
            if lun:
                self.probe((channel, target, lun))

    def probe(self, where: tuple[int, int, int]) -> bool:
        for _ in range(3):
            _, data, residue = self.execute(where, inquiry(size=36), 36)
            if residue != 36:
                break
        else:
            raise AssertionError("INQUIRY brings no data")
        if data[4] + 5 > 36:
            _, data, _ = self.execute(where, inquiry(size=data[4] + 5), data[4] + 5)
        if data[0] >> 5 == 3 or data[0] & 0x1F == 0x1F:
            return False
        self.found[where] = data
        return True

    def vpd(self, where: tuple[int, int, int], page: int) -> bytes | None:
        """scsi_get_vpd_page: the header, then all of it."""
        _, head, residue = self.execute(where, inquiry(page, 4), 4)
        if residue or head[1] != page or not struct.unpack_from(">H", head, 2)[0]:
            return None
        size = struct.unpack_from(">H", head, 2)[0] + 4
        _, data, residue = self.execute(where, inquiry(page, size), size)
        return data[: size - residue]

    # sd.c

    def read_capacity(self, where: tuple[int, int, int]) -> tuple[int, int, int]:
        """Blocks, block size, provisioning flags."""
        data = self.good(where, "9e10 0000000000000000 00000020 0000", 32)
        last, size = struct.unpack_from(">QI", data)
        return last + 1, size, data[14] & 0xC0

    def mode_sense(self, where: tuple[int, int, int], page: int) -> bytes:
        """The header alone, then as much as it says."""
        _, head, _ = self.execute(where, bytes([0x1A, 0, page, 0, 4, 0]), 4)
        size = head[0] + 1
        _, data, residue = self.execute(where, bytes([0x1A, 0, page, 0, size, 0]), size)
        return data[: size - residue]


def start(luns: dict[int, ScsiDevice]) -> Linux:
    return Linux(Driver(scsi_controller("scsi0", UUID(int=1), luns), pages=32).start())


def disk(sectors: int = 1 << 21, serial: str = "HV0") -> ScsiDisk:
    medium = SparseDisk(sectors)
    medium.write(0, pattern(*range(8)))
    return ScsiDisk(medium, Identity(serial=serial))


def test_a_disk_is_found_once_and_nothing_else() -> None:
    linux = start({0: disk()}).scan()
    assert set(linux.found) == {(0, 0, 0)}
    assert linux.found[0, 0, 0][8:36] == b"Msft    Virtual Disk    1.0 "
    assert linux.commands == 2 * CHANNELS * TARGETS


def test_units_beyond_lun_0_are_found_with_and_without_it() -> None:
    assert set(start({0: disk(), 1: ScsiDvd(), 63: disk()}).scan().found) == {
        (0, 0, 0),
        (0, 0, 1),
        (0, 0, 63),
    }
    assert set(start({7: disk()}).scan().found) == {(0, 0, 7)}


def test_an_empty_controller_is_empty() -> None:
    assert start({}).scan().found == {}


def test_sd_attaches_a_disk() -> None:
    linux = start({0: disk()}).scan()
    where = (0, 0, 0)
    pages = linux.vpd(where, 0x00)
    assert pages is not None
    for page in pages[4:]:
        assert linux.vpd(where, page) is not None
    assert linux.vpd(where, 0x89) is None
    linux.good(where, "00")
    assert linux.read_capacity(where) == (1 << 21, BLOCK, 0xC0)
    assert linux.good(where, ten(0x28, 0, 1), BLOCK) == pattern(0)
    header = linux.mode_sense(where, 0x3F)
    assert not header[2] & 0x80  # write protect is off
    cache = linux.mode_sense(where, 0x08)
    assert cache[3] == 0
    assert cache[4] & 0x3F == 0x08
    assert (cache[6] & 0x04, cache[6] & 0x01) == (0x04, 0)  # write cache, read cache: enabled
    assert header[2] & 0x10  # supports DPO and FUA
    assert linux.good(where, ten(0x28, 0, 8), 8 * BLOCK) == pattern(*range(8))


def test_sd_finds_out_how_to_discard() -> None:
    linux = start({0: disk()}).scan()
    limits = linux.vpd((0, 0, 0), 0xB0)
    provisioning = linux.vpd((0, 0, 0), 0xB2)
    assert limits is not None
    assert provisioning is not None
    assert len(limits) == 64
    assert struct.unpack_from(">II", limits, 20) == (0x10000, 64)
    assert struct.unpack_from(">Q", limits, 36) == (0x10000,)
    assert provisioning[5] & 0xC4 == 0xC4


def test_a_read_only_disk_is_write_protected_to_sd() -> None:
    unit = disk()
    assert isinstance(unit.blocks.medium, SparseDisk)
    unit.blocks.medium.read_only = True
    linux = start({0: unit}).scan()
    assert linux.mode_sense((0, 0, 0), 0x3F)[2] & 0x80
    assert linux.read_capacity((0, 0, 0))[2] == 0


@pytest.mark.parametrize(
    "cdb", ["85 08 0e 00", "a1 08 0e", "4d 00 40", "5e 00", "a3 0c", "a3 0a", "9e 12"]
)
def test_what_tools_ask_is_refused_so_that_the_disk_stays(cdb: str) -> None:
    linux = start({0: disk()}).scan()
    done, _, _ = linux.execute((0, 0, 0), cdb, 512)
    assert done.scsi == CHECK_CONDITION
    assert done.codes[0] == 5
    linux.good((0, 0, 0), "00")


def test_sr_attaches_a_drive() -> None:
    linux = start({1: ScsiDvd(b"disc" * 5000)}).scan()
    where = (0, 0, 1)
    assert linux.found[where][0] == 0x05
    assert linux.found[where][1] & 0x80
    linux.good(where, "00")
    assert struct.unpack(">II", linux.good(where, "25", 8)) == (9, 2048)
    page = linux.mode_sense(where, 0x2A)
    at = 4 + page[3]
    assert page[at] & 0x3F == 0x2A
    assert page[at + 6] >> 5 == 1  # a tray
    assert page[at + 6] & 0x08  # that opens
    event = linux.good(where, "4a 01 0000 10 0000 0008 00", 8)
    assert struct.unpack_from(">H", event)[0] >= 4
    assert event[2] == 4
    assert event[5] == 2
    toc = linux.good(where, "43 02 00 000000 00 000c 00", 12)
    assert toc[2:4] == b"\1\1"
    assert linux.good(where, ten(0x28, 0, 1), 2048) == b"disc" * 512
    linux.good(where, "1e 00 00 00 01 00")


def test_an_empty_drive_attaches_too() -> None:
    linux = start({0: ScsiDvd()}).scan()
    done, _, _ = linux.execute((0, 0, 0), "00", 0)
    assert done.codes == (2, 0x3A, 1)
    assert linux.mode_sense((0, 0, 0), 0x2A)[4] == 0x2A


def test_a_rescan_notices_what_has_gone_and_what_is_new() -> None:
    linux = start({0: disk(), 1: disk()}).scan()
    linux.driver.controller.detach(1)
    linux.driver.controller.attach(2, disk())
    assert len(linux.driver.channel.receive_all()) == 2
    removed = [
        where for where in linux.found if linux.execute(where, "00", 0)[0].srb == INVALID_LUN
    ]
    assert removed == [(0, 0, 1)]
    fresh = Linux(linux.driver).scan()
    assert set(fresh.found) == {(0, 0, 0), (0, 0, 2)}


def test_an_ide_drive_is_added_where_its_name_says() -> None:
    linux = Linux(Driver(ide_accelerator("ide", 1, 1, disk()), pages=32).start())
    assert linux.probe((0, 1, 0))
    assert linux.read_capacity((0, 1, 0))[:2] == (1 << 21, BLOCK)
