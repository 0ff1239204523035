"""Configuration mechanism #1: what the address port keeps, which function the data port reaches.

Numbers from the PCI Local Bus Specification 2.1, 3.7.4.1.
"""

import pytest

from hv_devices.emulated.pci_bus import PciBus, PciSlot

ENABLE = 1 << 31
ONES = {1: 0xFF, 2: 0xFFFF, 4: 0xFFFFFFFF}


class Function:
    """Remembers its writes; every byte reads as its offset."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []

    def read(self, offset: int, width: int) -> int:
        return int.from_bytes(bytes(range(offset, offset + width)), "little")

    def write(self, offset: int, value: int, width: int) -> None:
        self.writes.append((offset, value, width))


class Host:
    """A bus with one function, 00:03.2."""

    def __init__(self) -> None:
        self.function = Function()
        self.bus = PciBus({PciSlot(3, 2): self.function})

    def point(self, register: int, *, bus: int = 0, device: int = 3, function: int = 2) -> None:
        self.bus.write_address(0, ENABLE | bus << 16 | device << 11 | function << 8 | register, 4)


@pytest.fixture
def host() -> Host:
    return Host()


def test_the_address_keeps_all_but_its_reserved_bits(host: Host) -> None:
    host.bus.write_address(0, 0xFFFFFFFF, 4)
    assert host.bus.read_address(0, 4) == 0x80FFFFFC
    host.bus.reset()
    assert host.bus.read_address(0, 4) == 0


@pytest.mark.parametrize("width", [1, 2])
def test_only_a_doubleword_reaches_the_address(host: Host, width: int) -> None:
    host.point(0x40)
    host.bus.write_address(0, 0, width)
    assert host.bus.read_address(0, 4) == ENABLE | 3 << 11 | 2 << 8 | 0x40
    assert host.bus.read_address(0, width) == ONES[width]


def test_linux_finds_the_mechanism(host: Host) -> None:
    host.bus.write_address(0, 0x80000000, 4)
    assert host.bus.read_address(0, 4) == 0x80000000


@pytest.mark.parametrize(
    ("offset", "width", "value"),
    [(0, 4, 0x43424140), (0, 2, 0x4140), (2, 2, 0x4342), (0, 1, 0x40), (1, 1, 0x41), (3, 1, 0x43)],
)
def test_the_data_port_reaches_bytes_words_and_doublewords(
    host: Host, offset: int, width: int, value: int
) -> None:
    host.point(0x40)
    assert host.bus.read_data(offset, width) == value
    host.bus.write_data(offset, 0xA5, width)
    assert host.function.writes == [(0x40 + offset, 0xA5, width)]


def test_an_access_does_not_pass_the_end_of_its_doubleword(host: Host) -> None:
    host.point(0x40)
    assert host.bus.read_data(3, 2) == 0xFF43
    host.bus.write_data(2, 0xAABBCCDD, 4)
    assert host.function.writes == [(0x42, 0xCCDD, 2)]


@pytest.mark.parametrize(
    "where", [{"bus": 1}, {"bus": 255}, {"device": 4}, {"device": 31}, {"function": 0}]
)
def test_who_is_not_there_reads_all_ones_and_swallows_writes(
    host: Host, where: dict[str, int]
) -> None:
    host.point(0, **where)
    assert [host.bus.read_data(0, width) for width in ONES] == list(ONES.values())
    host.bus.write_data(0, 0, 4)
    assert host.function.writes == []


def test_without_the_enable_bit_there_is_no_configuration_cycle(host: Host) -> None:
    host.bus.write_address(0, 3 << 11 | 2 << 8, 4)
    assert host.bus.read_data(0, 4) == 0xFFFFFFFF
