"""Typing as text: ``ls -l<ret><wait:100ms><ctrl-c>`` becomes key presses, releases and pauses.

Plain characters are typed on a US keyboard. Between angle brackets stands a key by name (``<f1>``,
``<up>``, ``<lt>`` for the bracket itself), perhaps with modifiers before it (``<ctrl-alt-del>``),
or a pause (``<wait:2s>``; ms when no unit is given). Case does not matter there: ``<shift-a>``
types a capital.

The key names and set 1 follow A. E. Brouwer, "Keyboard scancodes", 1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hv.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Press:
    """A key goes down. ``key`` is a name in ``SET_1``."""

    key: str


@dataclass(frozen=True, slots=True)
class Release:
    """A key goes up."""

    key: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens for a while."""

    ns: int


KeyEvent = Press | Release | Wait

# Set 1 counts along the rows of the PC's first keyboard, from Esc, which is 1.
_ROWS = """
esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace
tab q w e r t y u i o p lbracket rbracket enter
lctrl a s d f g h j k l semicolon quote grave
lshift backslash z x c v b n m comma dot slash rshift kp_multiply
lalt space capslock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 numlock scrolllock
kp_7 kp_8 kp_9 kp_minus kp_4 kp_5 kp_6 kp_plus kp_1 kp_2 kp_3 kp_0 kp_dot
"""

# fmt: off
_E0 = {
    "kp_enter": 0x1C, "rctrl": 0x1D, "kp_divide": 0x35, "printscreen": 0x37, "ralt": 0x38,
    "home": 0x47, "up": 0x48, "pageup": 0x49, "left": 0x4B, "right": 0x4D, "end": 0x4F,
    "down": 0x50, "pagedown": 0x51, "insert": 0x52, "delete": 0x53,
    "lwin": 0x5B, "rwin": 0x5C, "menu": 0x5D, "power": 0x5E, "sleep": 0x5F, "wake": 0x63,
}
# fmt: on

SET_1: dict[str, bytes] = {
    **{name: bytes([code]) for code, name in enumerate(_ROWS.split(), start=1)},
    "less": b"\x56",
    "f11": b"\x57",
    "f12": b"\x58",
    **{name: bytes([0xE0, code]) for name, code in _E0.items()},
    "pause": b"\xe1\x1d\x45",
}
"""Every key name with its make code in scan code set 1, prefix first.

The break code has bit 7 set in each byte behind the prefix. Print Screen comes without the shift
that a PS/2 keyboard wraps around it.
"""

_US = {
    " ": "space",
    "-": "minus",
    "=": "equal",
    "[": "lbracket",
    "]": "rbracket",
    "\\": "backslash",
    ";": "semicolon",
    "'": "quote",
    "`": "grave",
    ",": "comma",
    ".": "dot",
    "/": "slash",
    "\n": "enter",
    "\t": "tab",
    **{character: character for character in "abcdefghijklmnopqrstuvwxyz0123456789"},
}
_US_SHIFTED = {
    shifted: _US[plain]
    for shifted, plain in zip(
        '_+{}|:"~<>?!@#$%^&*()ABCDEFGHIJKLMNOPQRSTUVWXYZ',
        "-=[]\\;'`,./1234567890abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
}

_MODIFIERS = {
    "ctrl": "lctrl",
    "shift": "lshift",
    "alt": "lalt",
    "altgr": "ralt",
    "win": "lwin",
    **{
        name: name
        for name in ("lctrl", "rctrl", "lshift", "rshift", "lalt", "ralt", "lwin", "rwin")
    },
}

_NAMES = {
    **{name: name for name in SET_1},
    **_MODIFIERS,
    "ret": "enter",
    "return": "enter",
    "escape": "esc",
    "bs": "backspace",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "prtsc": "printscreen",
    "sysrq": "printscreen",
    "break": "pause",
    "caps": "capslock",
    "num": "numlock",
    "scroll": "scrolllock",
}
_CHARACTERS = {"lt": "<", "gt": ">"}

_UNIT_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "": 1_000_000}

_TOKEN = re.compile(r"<(?P<name>[^<>]*)>|(?P<character>.)", re.DOTALL)
_WAIT = re.compile(r"wait:(?P<number>[0-9]{1,12})(?P<unit>us|ms|s|)")


def parse_keys(text: str) -> list[KeyEvent]:
    """What to do to a keyboard to type ``text``. ConfigError for what no key does."""
    events: list[KeyEvent] = []
    for token in _TOKEN.finditer(text):
        name = token["name"]
        if name is None:
            events += _typed(token["character"])
        elif name.lower().startswith("wait:"):
            events.append(_wait(name.lower()))
        else:
            events += _chord(name.lower())
    return events


def _typed(character: str) -> Iterator[KeyEvent]:
    if character == "<":
        raise _wrong("'<' opens a key name and nothing closes it: write <lt> for the character")
    key = _key_of(character)
    if key is None:
        raise _wrong(f"no key of a US keyboard types {character!r}")
    return _strike(*key)


def _chord(name: str) -> Iterator[KeyEvent]:
    """``ctrl-alt-del``: the last part is a key, those before it are modifiers."""
    modifiers: list[str] = []
    rest = name
    while True:
        first, _, others = rest.partition("-")
        if not others or first not in _MODIFIERS:
            break
        modifiers.append(_MODIFIERS[first])
        rest = others
    key = _key_of(_CHARACTERS.get(rest, rest))
    if key is None:
        raise _wrong(f"no key is called <{name}>")
    return _strike(*modifiers, *key)


def _key_of(what: str) -> tuple[str, ...] | None:
    """The keys for a character or a key name: perhaps Shift, then the key."""
    if what in _US_SHIFTED:
        return "lshift", _US_SHIFTED[what]
    key = _US.get(what) or _NAMES.get(what)
    return (key,) if key else None


def _strike(*keys: str) -> Iterator[KeyEvent]:
    """Down in order, up in reverse. A key named twice is held once."""
    keys = tuple(dict.fromkeys(keys))
    yield from map(Press, keys)
    yield from map(Release, reversed(keys))


def _wait(name: str) -> Wait:
    match = _WAIT.fullmatch(name)
    if match is None:
        raise _wrong(f"<{name}> is no pause: write <wait:100ms>, with ms, s or us")
    return Wait(int(match["number"]) * _UNIT_NS[match["unit"]])


def _wrong(message: str) -> ConfigError:
    return ConfigError(f"keys: {message}", usage=True)
