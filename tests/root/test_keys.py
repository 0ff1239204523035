"""Text to keys, and the set 1 codes behind the names."""

import pytest

from hv.errors import ConfigError
from hv.root.keys import SET_1, Press, Release, Wait, parse_keys
from hv_devices.emulated.ps2_scancodes import KEYS, set_1


def typed(text: str) -> str:
    """The events in short: ``+key``, ``-key``, ``5ns``."""
    short = {Press: "+{.key}", Release: "-{.key}", Wait: "{.ns}ns"}
    return " ".join(short[type(event)].format(event) for event in parse_keys(text))


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("", ""),
        ("a1", "+a -a +1 -1"),
        ("A", "+lshift +a -a -lshift"),
        ("-?", "+minus -minus +lshift +slash -slash -lshift"),
        (">", "+lshift +dot -dot -lshift"),
        ("\n\t ", "+enter -enter +tab -tab +space -space"),
        ("<ret>", "+enter -enter"),
        ("<RET>", "+enter -enter"),
        ("<f1><up><kp_5>", "+f1 -f1 +up -up +kp_5 -kp_5"),
        ("<lt>", "+lshift +comma -comma -lshift"),
        ("<ctrl-c>", "+lctrl +c -c -lctrl"),
        ("<Ctrl-C>", "+lctrl +c -c -lctrl"),
        ("<shift-a>", "+lshift +a -a -lshift"),
        ("<ctrl-alt-del>", "+lctrl +lalt +delete -delete -lalt -lctrl"),
        ("<altgr-rshift-q>", "+ralt +rshift +q -q -rshift -ralt"),
        ("<ctrl-->", "+lctrl +minus -minus -lctrl"),
        ("<->", "+minus -minus"),
        ("<shift-?>", "+lshift +slash -slash -lshift"),
        ("<ctrl-lt>", "+lctrl +lshift +comma -comma -lshift -lctrl"),
        ("<alt>", "+lalt -lalt"),
        ("<wait:3>", "3000000ns"),
        ("<wait:3ms><wait:2s><WAIT:5us>", "3000000ns 2000000000ns 5000ns"),
    ],
)
def test_text_becomes_keys(text: str, events: str) -> None:
    assert typed(text) == events


def test_a_command_line() -> None:
    assert parse_keys("l<wait:100ms><esc>") == [
        Press("l"),
        Release("l"),
        Wait(100_000_000),
        Press("esc"),
        Release("esc"),
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a<foo>", "<foo>"),
        ("<>", "<>"),
        ("<ctrl->", "<ctrl->"),
        ("<a-b>", "<a-b>"),
        ("<b", "<lt>"),
        ("a<", "<lt>"),
        ("1 < 2 <ret>", "<lt>"),
        ("é", "'é'"),
        ("\x01", "'\\x01'"),
        ("<wait:>", "<wait:>"),
        ("<wait:5h>", "<wait:5h>"),
        ("<wait:-1>", "<wait:-1>"),
        ("<wait:1e9>", "<wait:1e9>"),
    ],
)
def test_what_no_key_does_is_a_usage_error(text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_keys(text)
    assert caught.value.usage
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_printable_character_has_a_key() -> None:
    for code in range(0x20, 0x7F):
        if chr(code) != "<":
            assert parse_keys(chr(code))


def test_every_key_can_be_named() -> None:
    for name in SET_1:
        assert typed(f"<{name}>") == f"+{name} -{name}"


def test_the_ps2_keyboard_has_the_same_keys() -> None:
    assert SET_1.keys() == KEYS.keys()


@pytest.mark.parametrize("name", sorted(SET_1.keys() - {"printscreen", "pause"}))
def test_set_1_is_what_the_8042_makes_of_set_2(name: str) -> None:
    make, key = SET_1[name], KEYS[name]
    assert set_1(key.make) == make
    assert set_1(key.release) == make[:-1] + bytes([make[-1] | 0x80])


def test_the_two_odd_keys_are_the_core_of_what_the_8042_makes_of_them() -> None:
    assert set_1(KEYS["printscreen"].make) == b"\xe0\x2a" + SET_1["printscreen"]
    assert set_1(KEYS["pause"].make) == SET_1["pause"] + b"\xe1\x9d\xc5"
