"""Guest crash registers: the two ways in which Linux leaves word."""

from hv.tlfs.crash import CrashReport
from tests.tlfs.bench import Bench

P0, CTL = 0x40000100, 0x40000105
NOTIFY, MESSAGE = 1 << 63, 1 << 62


def report(bench: Bench, parameters: list[int], control: int) -> None:
    for index, value in enumerate(parameters):
        bench.vp.write_msr(P0 + index, value)
    bench.vp.write_msr(CTL, control)


def test_a_panic_with_registers() -> None:
    bench = Bench()
    words = [0xE, 0x81000006_01C00000, 0xFFFFFFFF_81000000, 1, 0xFFFFC900_00003E58]
    report(bench, words, NOTIFY)
    (crash,) = bench.control.crashes
    assert crash.parameters == tuple(words)
    assert crash.message == b""
    assert [bench.vp.read_msr(P0 + n) for n in range(5)] == words


def test_a_panic_with_a_message() -> None:
    bench = Bench()
    bench.ram.write(0x7000, b"Kernel panic - not syncing")
    report(bench, [0, 0, 0, 0x7000, 26], NOTIFY | MESSAGE)
    assert bench.control.crashes[0].message == b"Kernel panic - not syncing"


def crash(message: bytes) -> str:
    return str(CrashReport((0xE, 0x81000006_01C00000, 1, 2, 3), NOTIFY, message))


def test_its_one_line_is_what_the_kernel_says_it_died_of() -> None:
    log = (
        b"[0.1]  checks=panic\n[0.2] Kernel panic - not syncing: sysrq\n[0.2]  panic+0x118/0x2f4\n"
    )
    assert crash(log) == "[0.2] Kernel panic - not syncing: sysrq"
    assert crash(b"Fatal trap\npanic: page fault\ncpuid = 0\n") == "panic: page fault"
    assert crash(b"first\nlast\n\n") == "last"


def test_its_one_line_without_a_message_is_the_parameters() -> None:
    assert crash(b"") == crash(b"\n \n") == "P0 to P4 0xe 0x8100000601c00000 0x1 0x2 0x3"


def test_its_one_line_does_nothing_to_a_terminal() -> None:
    assert crash(b"\x1b[2Jdead\x07\xff") == "?[2Jdead?\N{REPLACEMENT CHARACTER}"
    assert len(crash(b"dead " * 500)) == 200


def test_a_message_is_a_page_at_most_wherever_it_is() -> None:
    bench = Bench()
    report(bench, [0, 0, 0, (1 << 64) - 1, (1 << 64) - 1], NOTIFY | MESSAGE)
    assert bench.control.crashes[0].message == b"\xff" * 4096


def test_without_notification_nothing_is_reported() -> None:
    bench = Bench()
    report(bench, [1, 2, 3, 4, 5], MESSAGE)
    assert not bench.control.crashes


def test_control_reads_what_can_be_asked_for() -> None:
    bench = Bench()
    report(bench, [1], NOTIFY)
    assert bench.vp.read_msr(CTL) == NOTIFY | MESSAGE
