"""Text, POST, exit and mark ports."""

import pytest

from hv_devices.emulated.debug_ports import (
    POST_HISTORY,
    DebugExit,
    MarkPort,
    PostPort,
    TextPort,
)


def test_the_text_port_says_what_it_is_told() -> None:
    said = bytearray()
    port = TextPort(said.extend)
    for value in b"ok\n":
        port.write(0, value, 1)
    assert said == b"ok\n"


def test_the_text_port_takes_a_string_at_once() -> None:
    said = bytearray()
    TextPort(said.extend).write_block(0, 1, b"a string")
    assert said == b"a string"


def test_the_text_port_answers_its_own_number() -> None:
    assert TextPort(lambda data: None).read(0, 1) == 0xE9


def test_the_post_port_remembers_its_code_and_the_way_there() -> None:
    heard: list[int] = []
    port = PostPort(heard.append)
    for code in (0x00, 0x11, 0x11, 0x22, 0x11):
        port.write(0, code, 1)
    assert port.read(0, 1) == 0x11
    assert port.changes == (0x00, 0x11, 0x22, 0x11)
    assert heard == [0x00, 0x11, 0x22, 0x11]


def test_the_post_port_keeps_the_latest_changes_only() -> None:
    port = PostPort()
    for code in range(10_000):
        port.write(0, code, 1)
    assert len(port.changes) == POST_HISTORY
    assert port.changes[-1] == 9_999 & 0xFF


def test_the_post_port_forgets_at_reset() -> None:
    port = PostPort()
    port.write(0, 0x55, 1)
    port.reset()
    assert port.read(0, 1) == 0
    assert port.changes == ()


@pytest.mark.parametrize(("width", "value"), [(1, 0), (1, 0xFF), (2, 0x1234), (4, 0xDEADBEEF)])
def test_the_exit_port_reports_a_value_of_any_width(width: int, value: int) -> None:
    exits: list[int] = []
    DebugExit(exits.append).write(0, value, width)
    assert exits == [value]


def test_the_exit_port_is_one_address_and_reads_nothing() -> None:
    exits: list[int] = []
    port = DebugExit(exits.append)
    port.write(1, 0, 1)
    assert exits == []
    assert port.read(0, 2) == 0xFFFF


def test_a_mark_is_one_write_of_two_or_four_bytes() -> None:
    marks: list[int] = []
    port = MarkPort(marks.append)
    port.write(0, 7, 2)
    port.write(0, 0x12345678, 4)
    port.write(0, 9, 1)
    port.write(2, 9, 2)
    assert marks == [7, 0x12345678]


def test_the_mark_port_says_that_it_is_there() -> None:
    port = MarkPort(lambda mark: None)
    assert port.read(0, 4).to_bytes(4, "little") == b"HVMK"
    assert port.read(0, 2).to_bytes(2, "little") == b"HV"
    assert bytes(port.read(at, 1) for at in range(4)) == b"HVMK"
    assert port.read(4, 4) == 0xFFFFFFFF
