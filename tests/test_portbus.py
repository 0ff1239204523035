"""The I/O port space: who decodes what, how wide accesses are split, what an open bus answers."""

import pytest

from hv.errors import ConfigError
from hv.portbus import PortBus, PortWindow, WindowPorts


class Chip:
    """Remembers its accesses; reads back its offset plus 0x10."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []

    def read(self, offset: int, width: int) -> int:
        return 0x10 + offset if width == 1 else 0xCAFE0000 | offset

    def write(self, offset: int, value: int, width: int) -> None:
        self.writes.append((offset, value, width))


def bus_with(width: int = 1) -> tuple[PortBus, Chip]:
    bus, chip = PortBus(), Chip()
    bus.attach("chip", 0x300, 4, chip.read, chip.write, width=width)
    return bus, chip


def test_a_port_nobody_decodes_reads_all_ones_and_swallows_writes() -> None:
    bus, chip = bus_with()
    assert [bus.read(0x400, width) for width in (1, 2, 4)] == [0xFF, 0xFFFF, 0xFFFFFFFF]
    bus.write(0x400, 0x1234, 2)
    assert chip.writes == []


def test_a_wide_access_to_a_byte_chip_is_split_low_byte_first() -> None:
    bus, chip = bus_with()
    assert bus.read(0x301, 2) == 0x1211
    bus.write(0x300, 0x44332211, 4)
    assert chip.writes == [(0, 0x11, 1), (1, 0x22, 1), (2, 0x33, 1), (3, 0x44, 1)]


def test_a_wide_access_that_leaves_the_chip_meets_the_open_bus() -> None:
    bus, _ = bus_with()
    assert bus.read(0x303, 2) == 0xFF13


def test_a_chip_that_takes_words_gets_them_whole() -> None:
    bus, chip = bus_with(width=4)
    assert bus.read(0x302, 4) == 0xCAFE0002
    bus.write(0x302, 0x12345678, 4)
    assert chip.writes == [(2, 0x12345678, 4)]


def test_the_last_port_wraps_to_the_first() -> None:
    bus, chip = PortBus(), Chip()
    bus.attach("low", 0, 1, chip.read, chip.write)
    assert bus.read(0xFFFF, 2) == 0x10FF


def test_a_string_is_the_same_as_single_accesses_where_the_chip_has_no_block_transfer() -> None:
    bus, chip = bus_with()
    assert bus.read_string(0x300, 1, 3) == b"\x10\x10\x10"
    bus.write_string(0x301, 1, b"\x01\x02")
    assert chip.writes == [(1, 1, 1), (1, 2, 1)]


def test_two_chips_cannot_claim_one_port() -> None:
    bus, chip = bus_with()
    with pytest.raises(ConfigError, match=r"0x0303.*chip.*other"):
        bus.attach("other", 0x303, 1, chip.read, chip.write)


def test_detached_ports_are_open_bus_and_can_be_claimed_again() -> None:
    bus, chip = bus_with()
    bus.detach(0x301, 2)
    assert [bus.read(port, 1) for port in range(0x300, 0x304)] == [0x10, 0xFF, 0xFF, 0x13]
    assert bus.device_at(0x301) == "open bus"
    bus.attach("other", 0x301, 2, chip.read, chip.write)
    assert bus.device_at(0x301) == "other"


# Windows: ports that a register moves.


def window_on(bus: PortBus, chip: Chip) -> PortWindow:
    """Four byte ports, and two behind a gap that take doublewords."""
    return PortWindow(
        bus,
        "mover",
        WindowPorts(0, 4, chip.read, chip.write),
        WindowPorts(8, 2, chip.read, chip.write, first_offset=0x20, width=4),
    )


def decoded(bus: PortBus) -> list[int]:
    return [port for port in range(0x10000) if bus.device_at(port) == "mover"]


def test_a_window_decodes_nothing_until_it_is_opened() -> None:
    bus = PortBus()
    window = window_on(bus, Chip())
    assert decoded(bus) == []
    window.open(0xC000)
    assert decoded(bus) == [0xC000, 0xC001, 0xC002, 0xC003, 0xC008, 0xC009]
    window.close()
    window.close()
    assert decoded(bus) == []


def test_the_chip_sees_offsets_wherever_its_window_is() -> None:
    bus, chip = PortBus(), Chip()
    window = window_on(bus, chip)
    for base in (0xC000, 0x1F00):
        window.open(base)
        bus.write(base + 3, 0x55, 1)
        bus.write(base + 9, 0x12345678, 4)
    assert chip.writes == [(3, 0x55, 1), (0x21, 0x12345678, 4)] * 2
    assert decoded(bus)[0] == 0x1F00
    assert bus.read(0xC003, 1) == 0xFF


def test_a_port_that_is_taken_stays_with_its_chip() -> None:
    bus, _ = bus_with()
    window = window_on(bus, Chip())
    window.open(0x2FE)
    assert bus.device_at(0x2FE) == "mover"
    assert bus.device_at(0x300) == "chip"
    window.open(0xC000)
    assert bus.device_at(0x300) == "chip"
    assert bus.device_at(0x2FE) == "open bus"


def test_a_window_that_passes_the_last_port_is_cut() -> None:
    bus = PortBus()
    window_on(bus, Chip()).open(0xFFFE)
    assert decoded(bus) == [0xFFFE, 0xFFFF]


def test_a_window_moves_whole_strings() -> None:
    bus, chip = PortBus(), Chip()
    taken: list[bytes] = []
    window = PortWindow(
        bus,
        "mover",
        WindowPorts(
            *(0, 1, chip.read, chip.write),
            width=2,
            read_block=lambda _offset, width, count: b"*" * width * count,
            write_block=lambda _offset, _width, data: taken.append(data),
        ),
    )
    window.open(0xC000)
    assert bus.read_string(0xC000, 2, 3) == b"******"
    bus.write_string(0xC000, 2, b"abcd")
    assert taken == [b"abcd"]
