"""Scan codes of the PC keyboard as data: set 2 by key name, and the 8042's translation into set 1.

After A. E. Brouwer, "Keyboard scancodes": 1.1 (Print Screen, Pause), 9.3 (translation), 9.6
(codes). Set 1 needs no table of its own: it is what the translation makes of set 2, for every key.

Left out: scan code set 3, which no operating system uses; the fake shifts around the grey keys
while Shift or Num Lock is on, which only programs older than the 101-key keyboard need; media keys
and those beyond F12.
"""

from typing import NamedTuple

BREAK = 0xF0
"""Set 2: the next code is a key going up."""

_E0 = 0xE0

_TRANSLATION = bytes.fromhex(
    "ff 43 41 3f 3d 3b 3c 58 64 44 42 40 3e 0f 29 59"
    "65 38 2a 70 1d 10 02 5a 66 71 2c 1f 1e 11 03 5b"
    "67 2e 2d 20 12 05 04 5c 68 39 2f 21 14 13 06 5d"
    "69 31 30 23 22 15 07 5e 6a 72 32 24 16 08 09 5f"
    "6b 33 25 17 18 0b 0a 60 6c 34 35 26 27 19 0c 61"
    "6d 73 28 74 1a 0d 62 6e 3a 36 1c 1b 75 2b 63 76"
    "55 56 77 78 79 7a 0e 7b 7c 4f 7d 4b 47 7e 7f 6f"
    "52 53 50 4c 4d 48 01 45 57 4e 51 4a 37 49 46 54"
)
_TRANSLATION_ABOVE = {0x83: 0x41, 0x84: 0x54}  # F7 and SysRq; the others pass unchanged


def translate(byte: int, breaking: bool) -> tuple[int | None, bool]:
    """One byte through the translator: what the host gets (if anything) and the new break state.

    A break prefix is swallowed and becomes bit 7 of the next translated code; a byte that passes
    unchanged, such as the E0 prefix, leaves it waiting.
    """
    if byte == BREAK:
        return None, True
    code = _TRANSLATION[byte] if byte < 0x80 else _TRANSLATION_ABOVE.get(byte)
    if code is None:
        return byte, breaking
    return code | (0x80 if breaking else 0), False


def set_1(codes: bytes) -> bytes:
    """A whole set 2 sequence in set 1."""
    result = bytearray()
    breaking = False
    for code in codes:
        byte, breaking = translate(code, breaking)
        if byte is not None:
            result.append(byte)
    return bytes(result)


class Key(NamedTuple):
    """Set 2 sequences of one key. An empty one means that nothing is sent."""

    make: bytes
    release: bytes
    repeat: bytes


def _plain(code: int) -> Key:
    return Key(bytes([code]), bytes([BREAK, code]), bytes([code]))


def _extended(code: int) -> Key:
    return Key(bytes([_E0, code]), bytes([_E0, BREAK, code]), bytes([_E0, code]))


# fmt: off
_PLAIN = {
    "esc": 0x76, "f1": 0x05, "f2": 0x06, "f3": 0x04, "f4": 0x0C, "f5": 0x03, "f6": 0x0B,
    "f7": 0x83, "f8": 0x0A, "f9": 0x01, "f10": 0x09, "f11": 0x78, "f12": 0x07,
    "grave": 0x0E, "1": 0x16, "2": 0x1E, "3": 0x26, "4": 0x25, "5": 0x2E, "6": 0x36, "7": 0x3D,
    "8": 0x3E, "9": 0x46, "0": 0x45, "minus": 0x4E, "equal": 0x55, "backspace": 0x66,
    "tab": 0x0D, "q": 0x15, "w": 0x1D, "e": 0x24, "r": 0x2D, "t": 0x2C, "y": 0x35, "u": 0x3C,
    "i": 0x43, "o": 0x44, "p": 0x4D, "lbracket": 0x54, "rbracket": 0x5B, "backslash": 0x5D,
    "capslock": 0x58, "a": 0x1C, "s": 0x1B, "d": 0x23, "f": 0x2B, "g": 0x34, "h": 0x33, "j": 0x3B,
    "k": 0x42, "l": 0x4B, "semicolon": 0x4C, "quote": 0x52, "enter": 0x5A,
    "lshift": 0x12, "z": 0x1A, "x": 0x22, "c": 0x21, "v": 0x2A, "b": 0x32, "n": 0x31, "m": 0x3A,
    "comma": 0x41, "dot": 0x49, "slash": 0x4A, "rshift": 0x59,
    "lctrl": 0x14, "lalt": 0x11, "space": 0x29,
    "less": 0x61,  # the 102nd key, between left Shift and Z outside the US
    "scrolllock": 0x7E, "numlock": 0x77,
    "kp_multiply": 0x7C, "kp_minus": 0x7B, "kp_plus": 0x79, "kp_dot": 0x71,
    "kp_0": 0x70, "kp_1": 0x69, "kp_2": 0x72, "kp_3": 0x7A, "kp_4": 0x6B, "kp_5": 0x73,
    "kp_6": 0x74, "kp_7": 0x6C, "kp_8": 0x75, "kp_9": 0x7D,
}

_EXTENDED = {
    "rctrl": 0x14, "ralt": 0x11, "lwin": 0x1F, "rwin": 0x27, "menu": 0x2F,
    "insert": 0x70, "delete": 0x71, "home": 0x6C, "end": 0x69, "pageup": 0x7D, "pagedown": 0x7A,
    "up": 0x75, "down": 0x72, "left": 0x6B, "right": 0x74,
    "kp_divide": 0x4A, "kp_enter": 0x5A,
    "power": 0x37, "sleep": 0x3F, "wake": 0x5E,
}
# fmt: on

KEYS: dict[str, Key] = {
    **{name: _plain(code) for name, code in _PLAIN.items()},
    **{name: _extended(code) for name, code in _EXTENDED.items()},
    # Print Screen brings its own shift, so that it is never taken for the keypad's *.
    "printscreen": Key(
        make=bytes.fromhex("e0 12 e0 7c"),
        release=bytes.fromhex("e0 f0 7c e0 f0 12"),
        repeat=bytes.fromhex("e0 7c"),
    ),
    # Pause says make and break at once and does not repeat.
    "pause": Key(make=bytes.fromhex("e1 14 77 e1 f0 14 f0 77"), release=b"", repeat=b""),
}
"""Every key by name, as it is with no modifier held."""

VARIANTS: dict[str, list[tuple[frozenset[str], Key]]] = {
    "printscreen": [
        (frozenset({"lalt", "ralt"}), _plain(0x84)),  # SysRq
        (frozenset({"lctrl", "rctrl", "lshift", "rshift"}), _extended(0x7C)),
    ],
    "pause": [  # Break
        (frozenset({"lctrl", "rctrl"}), Key(bytes.fromhex("e0 7e e0 f0 7e"), b"", b"")),
    ],
}
"""Keys that send something else while one of these modifiers is held; the first match counts."""
