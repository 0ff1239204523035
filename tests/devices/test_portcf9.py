"""The reset control register: what resets, what only reads back."""

import pytest

from hv_devices.emulated.portcf9 import PortCf9


class Port:
    """The port and how often it has reset the machine."""

    def __init__(self) -> None:
        self.resets = 0
        self.chip = PortCf9(self._reset)

    def _reset(self) -> None:
        self.resets += 1

    def write(self, value: int) -> None:
        self.chip.write(0, value, 1)


@pytest.mark.parametrize(
    ("values", "resets"), [([0x06], 1), ([0x02, 0x06], 1), ([0x04], 1), ([0x02], 0), ([0xF9], 0)]
)
def test_a_rising_reset_bit_resets(values: list[int], resets: int) -> None:
    port = Port()
    for value in values:
        port.write(value)
    assert port.resets == resets


def test_a_reset_bit_that_stays_set_does_it_once() -> None:
    port = Port()
    port.write(0x06)
    port.write(0x06)
    assert port.resets == 1
    port.write(0x00)
    port.write(0x04)
    assert port.resets == 2


def test_only_its_two_bits_read_back() -> None:
    port = Port()
    port.write(0xFB)
    assert port.chip.read(0, 1) == 0x02
    port.chip.reset()
    assert port.chip.read(0, 1) == 0
