"""The three functions on the board's PCI bus by their configuration registers.

Numbers from the 82441FX (290549) and 82371SB (290550) data sheets.
"""

import pytest

from hv_devices.emulated.i82371sb import I82371SB
from hv_devices.emulated.i82441fx import I82441FX
from hv_devices.emulated.pci_config import ConfigSpace
from hv_devices.emulated.piix3_ide import Piix3Ide

MIB = 1 << 20
ID, COMMAND, STATUS, CLASS, HEADER_TYPE, BAR4 = 0x00, 0x04, 0x06, 0x08, 0x0E, 0x20
IDETIM0, IDETIM1, SIDETIM = 0x40, 0x42, 0x44
IO_ENABLE, BUS_MASTER = 0x01, 0x04
DECODE = 0x8000


def functions() -> dict[str, ConfigSpace]:
    return {
        "host bridge": I82441FX(64 * MIB),
        "isa bridge": I82371SB(),
        "ide": Piix3Ide(lambda: None),
    }


@pytest.mark.parametrize(
    ("name", "identity", "revision_and_class", "header_type"),
    [
        ("host bridge", 0x12378086, 0x06000002, 0x00),
        ("isa bridge", 0x70008086, 0x06010000, 0x80),
        ("ide", 0x70108086, 0x01018000, 0x00),
    ],
)
def test_who_they_are_cannot_be_changed(
    name: str, identity: int, revision_and_class: int, header_type: int
) -> None:
    function = functions()[name]
    for _ in range(2):
        assert function.read(ID, 4) == identity
        assert function.read(CLASS, 4) == revision_and_class
        assert function.read(HEADER_TYPE, 1) == header_type
        for register in (ID, CLASS, HEADER_TYPE):
            function.write(register, 0x5A5A5A5A, 4)


@pytest.mark.parametrize(
    ("name", "command", "status"),
    [
        ("host bridge", 0x0006, 0x0280),
        ("isa bridge", 0x0007, 0x0200),
        ("ide", 0x0000, 0x0280),
    ],
)
def test_command_and_status_after_reset(name: str, command: int, status: int) -> None:
    function = functions()[name]
    assert (function.read(COMMAND, 2), function.read(STATUS, 2)) == (command, status)


@pytest.mark.parametrize(
    ("name", "all_ones"), [("host bridge", 0x0146), ("isa bridge", 0x000F), ("ide", 0x0005)]
)
def test_bits_of_the_command_that_can_be_set(name: str, all_ones: int) -> None:
    function = functions()[name]
    function.write(COMMAND, 0xFFFF, 2)
    assert function.read(COMMAND, 2) == all_ones
    function.reset()
    assert function.read(COMMAND, 2) != all_ones


@pytest.mark.parametrize("name", ["host bridge", "isa bridge", "ide"])
def test_what_is_not_there_reads_zero_and_stays_so(name: str) -> None:
    function = functions()[name]
    absent = [0x10, 0x14, 0x18, 0x1C, 0x24, 0x2C, 0x30, 0x34, 0x3C]  # BARs, ROM, interrupt pin
    absent += [BAR4] if name != "ide" else []
    for register in absent:
        function.write(register, 0xFFFFFFFF, 4)
        assert function.read(register, 4) == 0


def test_an_access_at_the_end_of_the_space_stays_inside() -> None:
    function = I82371SB()
    function.write(0xFF, 0xFFFFFFFF, 4)
    assert function.read(0xFF, 4) == 0


@pytest.mark.parametrize(
    ("memory", "boundary"), [(8 * MIB, 1), (9 * MIB, 2), (64 * MIB, 8), (3584 * MIB, 0xFF)]
)
def test_the_host_bridge_tells_how_much_memory_there_is(memory: int, boundary: int) -> None:
    bridge = I82441FX(memory)
    assert {bridge.read(0x60 + row, 1) for row in range(8)} == {boundary}


def test_linux_turns_on_passive_release() -> None:
    bridge = I82371SB()
    assert bridge.read(0x82, 1) == 0
    bridge.write(0x82, 0xF2, 1)
    assert bridge.read(0x82, 1) == 0x02


def test_interrupt_routes_come_up_off() -> None:
    assert I82371SB().read(0x60, 4) == 0x80808080


# The IDE interface.


class Ide:
    """The interface and how often the board was told to look at it."""

    def __init__(self) -> None:
        self.calls = 0
        self.chip = Piix3Ide(self._changed)

    def _changed(self) -> None:
        self.calls += 1

    def decoded(self) -> tuple[bool, bool, int | None]:
        chip = self.chip
        return chip.decodes_channel(0), chip.decodes_channel(1), chip.bus_master_base


def test_after_reset_it_decodes_nothing() -> None:
    ide = Ide()
    assert ide.decoded() == (False, False, None)
    assert not ide.chip.may_master
    assert ide.chip.read(BAR4, 4) == 1


def test_a_size_of_sixteen_ports_shows_in_the_base_address() -> None:
    chip = Ide().chip
    chip.write(BAR4, 0xFFFFFFFF, 4)
    assert chip.read(BAR4, 4) == 0x0000FFF1
    chip.write(BAR4, 0x0000C0F3, 4)
    assert chip.read(BAR4, 4) == 0x0000C0F1


def test_each_channel_wants_its_own_bit_and_the_io_enable() -> None:
    ide = Ide()
    ide.chip.write(IDETIM1, DECODE, 2)
    assert ide.decoded() == (False, False, None)
    ide.chip.write(COMMAND, IO_ENABLE, 2)
    assert ide.decoded() == (False, True, None)
    ide.chip.write(IDETIM0, DECODE, 2)
    ide.chip.write(BAR4, 0xD000, 4)
    assert ide.decoded() == (True, True, 0xD000)
    ide.chip.write(COMMAND, BUS_MASTER, 2)
    assert ide.decoded() == (False, False, None)
    assert ide.chip.may_master


def test_firmware_leaves_it_ready() -> None:
    ide = Ide()
    ide.chip.set_up(0xC000)
    assert ide.decoded() == (True, True, 0xC000)
    assert ide.chip.may_master
    assert ide.chip.read(COMMAND, 2) == IO_ENABLE | BUS_MASTER


def test_the_board_hears_of_writes_and_resets() -> None:
    ide = Ide()
    ide.chip.write(COMMAND, IO_ENABLE, 1)
    assert ide.calls == 1
    ide.chip.reset()
    assert ide.calls == 2


def test_timings_are_kept_but_for_their_reserved_bits() -> None:
    chip = Ide().chip
    chip.write(IDETIM0, 0xFFFFFFFF, 4)
    chip.write(SIDETIM, 0xFF, 1)
    assert (chip.read(IDETIM0, 4), chip.read(SIDETIM, 1)) == (0xF3FFF3FF, 0xFF)


def test_a_master_abort_stays_until_one_is_written() -> None:
    chip = Ide().chip
    chip.master_aborted()
    assert chip.read(STATUS, 2) == 0x2280
    chip.write(STATUS, 0xDFFF, 2)
    assert chip.read(STATUS, 2) == 0x2280
    chip.write(STATUS, 0x2000, 2)
    assert chip.read(STATUS, 2) == 0x0280
