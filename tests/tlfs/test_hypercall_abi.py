"""How a hypercall's registers and memory become its input, and its outcome becomes registers."""

import struct

import pytest

from hv.tlfs import HypercallRegisters, HypercallResult, UndefinedOperation
from tests.tlfs.bench import FAST, INPUT, OUTPUT, Bench

SIGNAL, POST, FLUSH_LIST, SPIN = 0x5D, 0x5C, 0x03, 0x08
GET_REGISTERS, APIC_IDS = 0x50, 0x9A
SELF = (1 << 64) - 1
SUCCESS, INVALID_INPUT, INVALID_PARAMETER = 0, 3, 5
EVENT = 0x2001


def reps(count: int, start: int = 0) -> int:
    return count << 32 | start << 48


class Host:
    """A partition whose host listens to one event connection of 8 flags and one message connection."""

    def __init__(self, features: str = "all,+tsc-invariant") -> None:
        self.bench = Bench(features).identify()
        self.flags: list[int] = []
        self.messages: list[tuple[int, bytes]] = []
        self.bench.hv.ports.connect_events(EVENT, self.flags.append, flags=8)
        self.bench.hv.ports.connect_messages(1, self._take)

    def _take(self, kind: int, payload: bytes) -> bool:
        self.messages.append((kind, payload))
        return True

    def call(self, **registers: object) -> HypercallResult:
        return self.bench.vp.hypercall(HypercallRegisters(**registers))  # type: ignore[arg-type]


def test_a_fast_call_takes_its_input_from_rdx() -> None:
    host = Host()
    result = host.call(rcx=0x1005D, rdx=EVENT | 5 << 32, rax=0xDEAD)
    assert result == HypercallResult(rax=0, rcx=None, rdx=None, done=True)
    assert host.flags == [5]


def test_the_same_from_memory() -> None:
    host = Host()
    host.bench.ram.write(INPUT, struct.pack("<IHH", EVENT, 3, 0))
    assert host.call(rcx=0x5D, rdx=INPUT).rax == SUCCESS
    assert host.flags == [3]


def test_a_32_bit_caller_uses_register_pairs() -> None:
    host = Host()
    result = host.call(
        is_64bit=False, rdx=0, rax=0x1005D, rbx=7, rcx=EVENT, r8=1 << 63, rdi=1, rsi=2
    )
    assert result == HypercallResult(rax=0, rcx=None, rdx=0, done=True)
    assert host.flags == [7]


def test_a_32_bit_caller_has_32_bit_registers() -> None:
    host = Host()
    junk = 0xFFFFFFFF << 32
    host.call(is_64bit=False, rdx=junk, rax=junk | 0x1005D, rbx=junk | 2, rcx=junk | EVENT)
    assert host.flags == [2]


def test_a_32_bit_rep_call_gets_its_reps_in_edx() -> None:
    host = Host()
    host.bench.ram.write(INPUT, struct.pack("<QB7xII", SELF, 0, 0, 0))
    result = host.call(is_64bit=False, rax=APIC_IDS, rdx=2, rbx=0, rcx=INPUT, rdi=0, rsi=OUTPUT)
    assert result == HypercallResult(rax=0, rcx=None, rdx=2, done=True)


def test_status_and_completed_reps_of_a_rep_call() -> None:
    host = Host()
    host.bench.ram.write(INPUT, struct.pack("<QB7xIII", SELF, 0, 0, 0, 99))
    result = host.call(rcx=APIC_IDS | reps(3), rdx=INPUT, r8=OUTPUT)
    assert result.rax == INVALID_PARAMETER | 2 << 32
    assert result.rcx == APIC_IDS | reps(3, start=2)
    assert result.done


def test_a_rep_call_starts_where_it_is_told() -> None:
    host = Host()
    host.bench.ram.write(INPUT, struct.pack("<QB7xIII", SELF, 0, 99, 99, 0))
    host.bench.ram.write(OUTPUT, b"\x77" * 12)
    result = host.call(rcx=APIC_IDS | reps(3, start=2), rdx=INPUT, r8=OUTPUT)
    assert result.rax == 3 << 32
    assert host.bench.ram.read(OUTPUT, 12) == b"\x77" * 8 + bytes(4)


def test_a_long_rep_call_gives_the_processor_back_in_between() -> None:
    host = Host()
    gvas = struct.pack("<480Q", *range(480))
    host.bench.ram.write(INPUT, struct.pack("<QQQ", 0, 1, 0) + gvas)
    starts = [0]
    while True:
        result = host.call(rcx=FLUSH_LIST | reps(480, starts[-1]), rdx=INPUT, r8=0)
        if result.done:
            break
        assert result.rax is None
        assert result.rcx is not None
        starts.append(result.rcx >> 48)
        assert result.rcx == FLUSH_LIST | reps(480, starts[-1])
    assert starts == list(range(0, 480, starts[1]))
    assert 4 < len(starts) < 100
    assert result.rax == 480 << 32
    assert result.rcx == FLUSH_LIST | reps(480, start=480)


def test_a_long_32_bit_rep_call_moves_its_start_index_in_edx() -> None:
    host = Host()
    host.bench.ram.write(INPUT, struct.pack("<QQQ", 0, 1, 0) + bytes(480 * 8))
    result = host.call(is_64bit=False, rax=FLUSH_LIST, rdx=480, rcx=INPUT)
    assert not result.done
    assert result.rax == FLUSH_LIST
    assert result.rdx is not None
    assert result.rdx & 0xFFFF == 480
    assert 0 < result.rdx >> 16 < 480


class TestXmm:
    """A flush of a list needs 24 bytes and 8 for each address."""

    @staticmethod
    def flush(host: Host, count: int) -> HypercallResult:
        block = struct.pack("<QQQ", 0, 0, 1) + bytes(8 * count)

        def xmm(number: int) -> int:
            at = 16 + 16 * number
            return int.from_bytes(block[at : at + 16].ljust(16, b"\xee"), "little")

        rdx, r8 = struct.unpack("<QQ", block[:16])
        return host.call(rcx=FLUSH_LIST | FAST | reps(count), rdx=rdx, r8=r8, xmm=xmm)

    @pytest.mark.parametrize("count", [1, 2, 11])
    def test_input_goes_on_in_xmm_registers(self, count: int) -> None:
        host = Host()
        assert self.flush(host, count).rax == count << 32
        assert host.bench.cpu.flushes == 1

    def test_six_of_them(self) -> None:
        assert self.flush(Host(), 12).rax == INVALID_INPUT

    def test_they_are_not_looked_at_without_need(self) -> None:
        def fail(number: int) -> int:
            raise AssertionError(f"XMM{number} was read")

        host = Host()
        host.call(rcx=0x1005D, rdx=EVENT, xmm=fail)
        assert host.flags == [0]

    def test_it_is_undefined_where_it_is_not_offered(self) -> None:
        with pytest.raises(UndefinedOperation):
            self.flush(Host("all,-xmm-input"), 1)

    def test_a_fast_call_that_fits_in_two_registers_is_always_offered(self) -> None:
        host = Host("all,-xmm-input")
        assert host.call(rcx=0x0B | FAST, rdx=0xFD, r8=1).rax == SUCCESS
        assert host.bench.apic.take() == [0xFD]

    def test_output_in_registers_is_undefined(self) -> None:
        control = GET_REGISTERS | FAST | reps(1)
        with pytest.raises(UndefinedOperation):
            Host().call(rcx=control, rdx=SELF, r8=0xFFFFFFFE)
        with pytest.raises(UndefinedOperation):
            Host().call(rcx=0x8001 | FAST)


def test_blocks_that_a_call_does_not_have_are_not_looked_at() -> None:
    host = Host()
    host.bench.ram.write(INPUT, struct.pack("<II", EVENT, 0))
    assert host.call(rcx=SIGNAL, rdx=INPUT, r8=SELF).rax == SUCCESS
    assert host.call(rcx=0x8001, rdx=SELF, r8=OUTPUT).rax == SUCCESS


def test_input_may_fill_its_page_to_the_last_byte() -> None:
    host = Host()
    at = INPUT + 0x1000 - 256
    host.bench.ram.write(at, struct.pack("<IIII240s", 1, 0, 1, 240, b"m" * 240))
    assert host.call(rcx=POST, rdx=at).rax == SUCCESS
    assert host.messages == [(1, b"m" * 240)]
