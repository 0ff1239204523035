"""Names of the PS/2 mouse protocol: commands, packet and status bits, the knocks of the extensions.

After A. E. Brouwer, "Keyboard scancodes", 12.
"""

from enum import IntEnum, IntFlag


class Command(IntEnum):
    """Bytes the host may send (Brouwer, 12.4)."""

    SCALING_1_TO_1 = 0xE6
    SCALING_2_TO_1 = 0xE7
    SET_RESOLUTION = 0xE8
    STATUS = 0xE9
    STREAM_MODE = 0xEA
    READ_DATA = 0xEB
    END_WRAP_MODE = 0xEC
    WRAP_MODE = 0xEE
    REMOTE_MODE = 0xF0
    IDENTIFY = 0xF2
    SET_RATE = 0xF3
    ENABLE = 0xF4
    DISABLE = 0xF5
    SET_DEFAULTS = 0xF6
    RESEND = 0xFE
    RESET = 0xFF


class Identity(IntEnum):
    """Answers to IDENTIFY, and with it the form of the packets."""

    STANDARD = 0
    INTELLIMOUSE = 3
    EXPLORER = 4


class Button(IntFlag):
    """Buttons as the first byte of a packet shows them; the last two travel in the fourth byte."""

    LEFT = 1 << 0
    RIGHT = 1 << 1
    MIDDLE = 1 << 2
    SIDE = 1 << 3
    EXTRA = 1 << 4


class Packet(IntFlag):
    """First byte of a packet, above the buttons."""

    ALWAYS = 1 << 3
    X_SIGN = 1 << 4
    Y_SIGN = 1 << 5
    X_OVERFLOW = 1 << 6
    Y_OVERFLOW = 1 << 7


class Status(IntFlag):
    """First byte of the answer to STATUS."""

    RIGHT = 1 << 0
    MIDDLE = 1 << 1
    LEFT = 1 << 2
    SCALING_2_TO_1 = 1 << 4
    ENABLED = 1 << 5
    REMOTE = 1 << 6


KNOCKS: dict[tuple[int, ...], int] = {
    (200, 100, 80): Identity.INTELLIMOUSE.value,
    (200, 200, 80): Identity.EXPLORER.value,
}
"""Three sample rates in a row that turn an extension on."""
