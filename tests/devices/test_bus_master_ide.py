"""The bus master engine by its ports: regions, ends, errors, and what stops it.

Numbers from SFF-8038i revision 1.0 and the 82371SB data sheet (290550), 2.7.
"""

import pytest

from hv_devices.emulated.bus_master_ide import BusMasterIde

COMMAND, STATUS, TABLE = 0, 2, 4
START, TO_MEMORY = 0x01, 0x08
ACTIVE, ERROR, INTERRUPT, DRIVE_0, DRIVE_1 = 0x01, 0x02, 0x04, 0x20, 0x40
LAST = 0x80000000
TABLE_AT = 0x1000
KIB_64 = 0x10000
TOP = 0x80800


class Memory:
    """514 KiB; above them nobody answers."""

    def __init__(self) -> None:
        self.data = bytearray(TOP)

    def read(self, gpa: int, size: int) -> bytes:
        assert 0 <= gpa <= gpa + size <= TOP
        return bytes(self.data[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> None:
        assert 0 <= gpa <= gpa + len(data) <= TOP
        self.data[gpa : gpa + len(data)] = data

    def claimed(self, gpa: int, size: int) -> int:
        return max(0, min(size, TOP - gpa))


class Drive:
    """Has bytes for memory, or room for some; interrupts when it is done."""

    def __init__(self, pc: "Pc") -> None:
        self._pc = pc
        self.gives = b""
        self.wants = 0
        self.got = bytearray()

    def offer(self, data: bytes) -> None:
        self.gives = data
        self._pc.engine.dmarq.set(True)

    def ask(self, size: int) -> None:
        self.wants = size
        self._pc.engine.dmarq.set(True)

    def dma_ready(self, to_memory: bool) -> int:
        return len(self.gives) if to_memory else self.wants

    def dma_take(self, size: int) -> bytes:
        assert size <= len(self.gives)
        data, self.gives = self.gives[:size], self.gives[size:]
        if data and not self.gives:
            self._done()
        return data

    def dma_give(self, data: bytes) -> None:
        assert len(data) <= self.wants
        self.got += data
        self.wants -= len(data)
        if data and not self.wants:
            self._done()

    def _done(self) -> None:
        self._pc.engine.dmarq.set(False)
        self._pc.engine.intrq.set(True)


class Pc:
    """An engine between memory and a drive, and what a driver does with it."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.aborts = 0
        self.engine = BusMasterIde(self.memory, self._aborted)
        self.drive = Drive(self)
        self.engine.connect(self.drive)
        self.engine.grant(True)

    def _aborted(self) -> None:
        self.aborts += 1

    def regions(self, *regions: tuple[int, int], at: int = TABLE_AT, end: bool = True) -> None:
        """A table of (address, size as the table has it)."""
        table = b"".join(
            base.to_bytes(4, "little") + size.to_bytes(4, "little") for base, size in regions[:-1]
        )
        base, size = regions[-1]
        last = size | (LAST if end else 0)
        table += base.to_bytes(4, "little") + last.to_bytes(4, "little")
        self.memory.data[at : at + len(table)] = table
        self.engine.write(TABLE, at, 4)

    def start(self, direction: int = TO_MEMORY) -> None:
        self.engine.write(COMMAND, direction, 1)
        self.engine.write(COMMAND, direction | START, 1)

    @property
    def status(self) -> int:
        return self.engine.read(STATUS, 1)


@pytest.fixture
def pc() -> Pc:
    return Pc()


def pattern(size: int) -> bytes:
    return bytes(n * 7 + (n >> 8) & 0xFF for n in range(size))


# Registers.


def test_registers_come_up_zero_and_reserved_ones_stay_so(pc: Pc) -> None:
    pc.engine.grant(False)
    for offset in range(8):
        assert pc.engine.read(offset, 1) == 0
    pc.engine.write(1, 0xFF, 1)
    pc.engine.write(3, 0xFF, 1)
    assert pc.engine.read(0, 4) == 0


def test_the_table_pointer_is_a_doubleword_address_of_any_width(pc: Pc) -> None:
    pc.engine.write(TABLE, 0xFFFFFFFF, 4)
    assert pc.engine.read(TABLE, 4) == 0xFFFFFFFC
    pc.engine.write(TABLE, 0x3456, 2)
    pc.engine.write(TABLE + 2, 0x12, 1)
    assert pc.engine.read(TABLE, 4) == 0xFF123454


def test_an_access_that_passes_the_last_port_meets_the_open_bus(pc: Pc) -> None:
    pc.engine.write(6, 0xAABBCCDD, 4)
    assert pc.engine.read(TABLE, 4) == 0xCCDD0000
    assert pc.engine.read(6, 4) == 0xFFFFCCDD


def test_the_dma_capable_bits_are_softwares_own(pc: Pc) -> None:
    pc.engine.write(STATUS, 0xFF, 1)
    assert pc.status == DRIVE_0 | DRIVE_1
    pc.engine.write(STATUS, DRIVE_1, 1)
    assert pc.status == DRIVE_1


def test_the_interrupt_bit_follows_the_rising_wire_until_one_is_written(pc: Pc) -> None:
    pc.engine.intrq.set(True)
    assert pc.status == INTERRUPT
    pc.engine.write(STATUS, 0, 1)
    assert pc.status == INTERRUPT
    pc.engine.write(STATUS, INTERRUPT, 1)
    assert pc.status == 0  # though the wire is still up
    pc.engine.intrq.set(False)
    pc.engine.intrq.set(True)
    assert pc.status == INTERRUPT


# Transfers.


@pytest.mark.parametrize("first", ["engine", "drive"])
def test_drive_to_memory_whoever_is_ready_first(pc: Pc, first: str) -> None:
    pc.regions((0x2000, 512))
    if first == "engine":
        pc.start()
        assert pc.status == ACTIVE
        pc.drive.offer(pattern(512))
    else:
        pc.drive.offer(pattern(512))
        assert pc.status == 0
        pc.start()
    assert pc.memory.read(0x2000, 512) == pattern(512)
    assert pc.status == INTERRUPT


def test_memory_to_drive(pc: Pc) -> None:
    pc.memory.write(0x2000, pattern(1024))
    pc.regions((0x2000, 1024))
    pc.drive.ask(1024)
    pc.start(0)
    assert bytes(pc.drive.got) == pattern(1024)
    assert pc.status == INTERRUPT


def test_regions_are_filled_one_after_the_other(pc: Pc) -> None:
    pc.regions((0x5000, 100), (0x2000, 2), (0x3000, 410))
    pc.drive.offer(pattern(512))
    pc.start()
    gathered = b"".join(
        pc.memory.read(at, size) for at, size in ((0x5000, 100), (0x2000, 2), (0x3000, 410))
    )
    assert gathered == pattern(512)
    assert pc.memory.read(0x5064, 4) == bytes(4)
    assert pc.status == INTERRUPT


def test_a_region_is_filled_by_several_blocks_of_the_drive(pc: Pc) -> None:
    pc.regions((0x2000, 1024))
    pc.start()
    pc.drive.offer(pattern(1024)[:512])
    pc.engine.intrq.set(False)
    pc.engine.write(STATUS, INTERRUPT, 1)
    pc.drive.offer(pattern(1024)[512:])
    assert pc.memory.read(0x2000, 1024) == pattern(1024)
    assert pc.status == INTERRUPT


def test_size_0_is_64_kib_and_the_low_bits_do_not_exist(pc: Pc) -> None:
    pc.regions((0x20001, 1))
    pc.drive.offer(pattern(KIB_64))
    pc.start()
    assert pc.memory.read(0x20000, KIB_64) == pattern(KIB_64)
    assert pc.status == INTERRUPT


def test_reserved_bits_of_an_entry_do_not_matter(pc: Pc) -> None:
    pc.regions((0x2000, 512 | 0x7FFF0000))
    pc.drive.offer(pattern(512))
    pc.start()
    assert pc.status == INTERRUPT


@pytest.mark.parametrize("direction", [0, TO_MEMORY])
def test_a_region_that_leaves_its_64_kib_goes_on_at_their_beginning(pc: Pc, direction: int) -> None:
    pc.memory.write(0x2FF00, pattern(512)[:256])
    pc.memory.write(0x20000, pattern(512)[256:])
    pc.regions((0x2FF00, 512))
    if direction:
        pc.drive.offer(bytes(512))
    else:
        pc.drive.ask(512)
    pc.start(direction)
    assert pc.status == INTERRUPT
    if direction:
        assert pc.memory.read(0x2FF00, 512) == bytes(512)
        assert pc.memory.read(0x20000, 256) == bytes(256)
    else:
        assert bytes(pc.drive.got) == pattern(512)


def test_a_table_that_leaves_its_64_kib_goes_on_at_their_beginning(pc: Pc) -> None:
    pc.regions((0x2000, 256), at=0x1FFF8, end=False)
    pc.regions((0x3000, 256), at=0x10000)
    pc.engine.write(TABLE, 0x1FFF8, 4)
    pc.drive.offer(pattern(512))
    pc.start()
    assert pc.memory.read(0x2000, 256) + pc.memory.read(0x3000, 256) == pattern(512)


# How it ends.


def test_regions_larger_than_the_transfer_leave_it_active(pc: Pc) -> None:
    pc.regions((0x2000, 1024))
    pc.drive.offer(pattern(512))
    pc.start()
    assert pc.status == ACTIVE | INTERRUPT
    pc.engine.write(COMMAND, TO_MEMORY, 1)
    assert pc.status == INTERRUPT


def test_regions_smaller_than_the_transfer_leave_the_drive_waiting(pc: Pc) -> None:
    pc.regions((0x2000, 256))
    pc.drive.offer(pattern(512))
    pc.start()
    assert pc.status == 0
    assert pc.memory.read(0x2000, 512) == pattern(256) + bytes(256)
    assert len(pc.drive.gives) == 256


@pytest.mark.parametrize("direction", [0, TO_MEMORY])
def test_an_address_that_nobody_answers_ends_it_with_an_error(pc: Pc, direction: int) -> None:
    pc.memory.write(TOP - 256, pattern(256))
    pc.regions((TOP - 256, 512))
    if direction:
        pc.drive.offer(bytes(512))
    else:
        pc.drive.ask(512)
    pc.start(direction)
    assert pc.status == ERROR
    assert pc.aborts == 1
    if direction:
        assert pc.memory.read(TOP - 256, 256) == bytes(256)
        assert pc.drive.dma_ready(True) == 256
    else:
        assert bytes(pc.drive.got) == pattern(256)
        assert pc.drive.dma_ready(False) == 256
    pc.engine.write(STATUS, ERROR, 1)
    assert pc.status == 0


@pytest.mark.parametrize("at", [TOP, TOP - 4, 0xFFFFFFF8, 0xFFFFFFFC])
def test_a_table_that_nobody_answers_is_an_error(pc: Pc, at: int) -> None:
    pc.engine.write(TABLE, at, 4)
    pc.drive.offer(pattern(512))
    pc.start()
    assert pc.status == ERROR
    assert pc.aborts == 1


def test_a_wrong_direction_moves_nothing(pc: Pc) -> None:
    pc.regions((0x2000, 512))
    pc.drive.offer(pattern(512))
    pc.start(0)
    assert pc.status == ACTIVE
    assert len(pc.drive.gives) == 512


def test_stopping_loses_the_place_in_the_table(pc: Pc) -> None:
    pc.regions((0x2000, 512), (0x4000, 512))
    pc.start()
    pc.drive.offer(pattern(100))
    pc.engine.write(COMMAND, TO_MEMORY, 1)
    assert not pc.status & ACTIVE
    pc.engine.intrq.set(False)
    pc.start()
    pc.drive.offer(b"again" * 10)
    assert pc.memory.read(0x2000, 50) == b"again" * 10


def test_writing_the_start_bit_again_does_not_start_again(pc: Pc) -> None:
    pc.regions((0x2000, 512))
    pc.drive.offer(pattern(512))
    pc.start()
    pc.engine.write(COMMAND, TO_MEMORY | START, 1)
    assert pc.status == INTERRUPT
    assert pc.engine.read(COMMAND, 1) == TO_MEMORY | START


def test_the_direction_cannot_change_while_it_is_active(pc: Pc) -> None:
    pc.regions((0x2000, 512))
    pc.start()
    pc.engine.write(COMMAND, START, 1)
    assert pc.engine.read(COMMAND, 1) == TO_MEMORY | START
    pc.drive.offer(pattern(512))
    assert pc.memory.read(0x2000, 512) == pattern(512)


def test_without_bus_mastership_it_waits(pc: Pc) -> None:
    pc.engine.grant(False)
    pc.regions((0x2000, 512))
    pc.drive.offer(pattern(512))
    pc.start()
    assert pc.status == ACTIVE
    assert pc.memory.read(0x2000, 512) == bytes(512)
    pc.engine.grant(True)
    assert pc.status == INTERRUPT
    assert pc.memory.read(0x2000, 512) == pattern(512)


def test_reset_forgets_a_transfer(pc: Pc) -> None:
    pc.regions((0x2000, 512))
    pc.start()
    pc.engine.reset()
    pc.drive.offer(pattern(512))
    assert pc.status == 0
    assert pc.engine.read(TABLE, 4) == 0
