"""Names of the 8042's registers, bits and commands on a PS/2-style PC.

After A. E. Brouwer, "Keyboard scancodes", 10.
"""

from enum import IntEnum, IntFlag


class Register(IntEnum):
    """Offsets; on a PC 0 is port 60h and 1 is port 64h."""

    DATA = 0
    STATUS = 1
    COMMAND = 1


class Status(IntFlag):
    """Brouwer, 10.1. The upper half belongs to the byte in the output buffer."""

    OUTPUT_FULL = 1 << 0
    INPUT_FULL = 1 << 1
    SYSTEM = 1 << 2
    COMMAND = 1 << 3  # the last write was a command
    UNLOCKED = 1 << 4
    AUX_DATA = 1 << 5
    TIMEOUT = 1 << 6
    PARITY = 1 << 7


class Config(IntFlag):
    """The command byte, location 0 of the RAM (Brouwer, 10.2)."""

    KEYBOARD_IRQ = 1 << 0
    AUX_IRQ = 1 << 1
    SYSTEM = 1 << 2
    KEYBOARD_OFF = 1 << 4
    AUX_OFF = 1 << 5
    TRANSLATE = 1 << 6


class Command(IntEnum):
    """Brouwer, 10.3. The first of a range stands for all of it."""

    READ_RAM = 0x20
    WRITE_RAM = 0x60
    AUX_OFF = 0xA7
    AUX_ON = 0xA8
    TEST_AUX = 0xA9
    SELF_TEST = 0xAA
    TEST_KEYBOARD = 0xAB
    KEYBOARD_OFF = 0xAD
    KEYBOARD_ON = 0xAE
    READ_INPUT_PORT = 0xC0
    WATCH_INPUT_LOW = 0xC1
    WATCH_INPUT_HIGH = 0xC2
    READ_OUTPUT_PORT = 0xD0
    WRITE_OUTPUT_PORT = 0xD1
    LOOP_KEYBOARD = 0xD2
    LOOP_AUX = 0xD3
    SEND_AUX = 0xD4
    A20_OFF = 0xDD
    A20_ON = 0xDF
    READ_TEST_INPUTS = 0xE0
    PULSE = 0xF0


class InputPort(IntFlag):
    """P1 (Brouwer, 10.4)."""

    KEYBOARD_DATA = 1 << 0
    AUX_DATA = 1 << 1
    RAM_256K = 1 << 4
    NO_MANUFACTURING_JUMPER = 1 << 5
    MONOCHROME = 1 << 6
    UNLOCKED = 1 << 7


class OutputPort(IntFlag):
    """P2 (Brouwer, 10.5). Low RUN resets the processor."""

    RUN = 1 << 0
    A20 = 1 << 1
    AUX_DATA = 1 << 2
    AUX_CLOCK = 1 << 3
    KEYBOARD_IRQ = 1 << 4
    AUX_IRQ = 1 << 5
    KEYBOARD_CLOCK = 1 << 6
    KEYBOARD_DATA = 1 << 7
