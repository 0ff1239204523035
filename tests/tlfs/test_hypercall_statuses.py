"""Every way to make a hypercall wrongly, and the status that it gets."""

import struct

import pytest

from hv.tlfs import hypercall_name, parse_features
from hv.tlfs.hypercalls import HYPERCALLS
from tests.tlfs.bench import FAST, INPUT, OUTPUT, PAGE, PHYSICAL_BITS, Bench

INVALID_CODE, INVALID_INPUT, INVALID_ALIGNMENT, INVALID_PARAMETER = 2, 3, 4, 5
ACCESS_DENIED, INVALID_PARTITION, INVALID_VP = 6, 0x0D, 0x0E
INVALID_PORT, INVALID_CONNECTION, INSUFFICIENT_BUFFERS = 0x11, 0x12, 0x13
INVALID_VP_STATE, INVALID_VALUE, UNKNOWN_REGISTER = 0x15, 0x50, 0x87

SELF, VP_SELF = (1 << 64) - 1, 0xFFFFFFFE
ONE_REP = 1 << 32

SIMPLE = [0x02, 0x08, 0x0B, 0x13, 0x15, 0x5C, 0x5D, 0x99, 0x8001]
REP = [0x03, 0x14, 0x50, 0x51, 0x9A]
WITH_VARIABLE_HEADER = [0x13, 0x14, 0x15]

NAMES = {
    0x02: "HvCallFlushVirtualAddressSpace",
    0x03: "HvCallFlushVirtualAddressList",
    0x08: "HvCallNotifyLongSpinWait",
    0x0B: "HvCallSendSyntheticClusterIpi",
    0x13: "HvCallFlushVirtualAddressSpaceEx",
    0x14: "HvCallFlushVirtualAddressListEx",
    0x15: "HvCallSendSyntheticClusterIpiEx",
    0x50: "HvCallGetVpRegisters",
    0x51: "HvCallSetVpRegisters",
    0x5C: "HvCallPostMessage",
    0x5D: "HvCallSignalEvent",
    0x99: "HvCallStartVirtualProcessor",
    0x9A: "HvCallGetVpIndexFromApicId",
    0x8001: "HvExtCallQueryCapabilities",
}


def status(
    control: int, data: bytes = b"", *, features: str = "all,+tsc-invariant", **where: int
) -> int:
    return Bench(features).identify().status(control, data, **where)


def test_the_calls_that_there_are() -> None:
    assert {code: hypercall_name(code) for code in sorted(HYPERCALLS)} == NAMES
    assert sorted(SIMPLE + REP) == sorted(NAMES)
    assert hypercall_name(0x46) == "0x0046"


@pytest.mark.parametrize("code", [0, 1, 0x46, 0x48, 0x7E, 0x8003, 0xFFFF], ids=hex)
def test_unknown_code(code: int) -> None:
    result = Bench().identify().call(code)
    assert result.rax == INVALID_CODE


@pytest.mark.parametrize(
    ("code", "feature", "expected"),
    [
        (0x5C, "post-message", ACCESS_DENIED),
        (0x5D, "signal-event", ACCESS_DENIED),
        (0x50, "vp-registers", ACCESS_DENIED),
        (0x51, "vp-registers", ACCESS_DENIED),
        (0x99, "start-vp", ACCESS_DENIED),
        (0x9A, "start-vp", ACCESS_DENIED),
        (0x8001, "extended-calls", ACCESS_DENIED),
        (0x02, "tlbflush", INVALID_CODE),
        (0x03, "tlbflush", INVALID_CODE),
        (0x0B, "ipi", INVALID_CODE),
        (0x13, "ex-masks", INVALID_CODE),
        (0x14, "ex-masks", INVALID_CODE),
        (0x15, "ex-masks", INVALID_CODE),
    ],
)
def test_a_call_that_is_not_offered(code: int, feature: str, expected: int) -> None:
    assert status(code, features=f"all,-{feature}") == expected
    assert parse_features(f"all,-{feature}")


@pytest.mark.parametrize("bit", [27, 28, 29, 30, 31, 44, 45, 46, 47, 60, 61, 62, 63])
def test_reserved_bits(bit: int) -> None:
    assert status(0x08 | FAST | 1 << bit) == INVALID_INPUT
    assert status(0x08 | FAST) == 0


@pytest.mark.parametrize("code", SIMPLE, ids=hex)
@pytest.mark.parametrize("wrong", [ONE_REP, 1 << 48, ONE_REP * 2 | 1 << 48], ids=hex)
def test_a_simple_call_has_no_reps(code: int, wrong: int) -> None:
    assert status(code | wrong) == INVALID_INPUT


@pytest.mark.parametrize("code", REP, ids=hex)
@pytest.mark.parametrize("wrong", [0, 1 << 48, ONE_REP | 1 << 48, ONE_REP | 2 << 48], ids=hex)
def test_a_rep_call_starts_below_its_count(code: int, wrong: int) -> None:
    assert status(code | wrong) == INVALID_INPUT


@pytest.mark.parametrize(
    "code", [code for code in SIMPLE + REP if code not in WITH_VARIABLE_HEADER], ids=hex
)
def test_a_variable_header_where_there_is_none(code: int) -> None:
    count = ONE_REP if code in REP else 0
    assert status(code | 1 << 17 | count) == INVALID_INPUT


@pytest.mark.parametrize(
    "at", [INPUT + 1, INPUT + 4, INPUT + PAGE - 4, 1 << PHYSICAL_BITS, 1 << 63]
)
def test_input_that_is_not_where_it_may_be(at: int) -> None:
    assert status(0x5D, at=at) == INVALID_ALIGNMENT


def test_input_across_pages() -> None:
    assert status(0x5C, at=INPUT + PAGE - 248) == INVALID_ALIGNMENT
    assert status(0x03 | 510 << 32) == INVALID_ALIGNMENT
    assert status(0x13 | 509 << 17) == INVALID_ALIGNMENT


@pytest.mark.parametrize("at", [OUTPUT + 2, 1 << PHYSICAL_BITS])
def test_output_that_is_not_where_it_may_be(at: int) -> None:
    assert status(0x8001, output=at) == INVALID_ALIGNMENT


def test_output_across_pages() -> None:
    assert status(0x50 | 257 << 32) == INVALID_ALIGNMENT
    assert status(0x50 | ONE_REP * 2, output=OUTPUT + PAGE - 24) == INVALID_ALIGNMENT


def test_a_fast_call_with_more_input_than_registers_hold() -> None:
    assert status(0x5C | FAST) == INVALID_INPUT


def test_input_from_where_no_memory_is() -> None:
    assert status(0x5D, at=0xF000_0000) == INVALID_CONNECTION


class TestPorts:
    @staticmethod
    def post(connection: int, kind: int = 1, size: int = 4) -> int:
        bench = Bench().identify()
        bench.hv.ports.connect_messages(1, lambda _kind, _payload: True)
        bench.hv.ports.connect_messages(2, lambda _kind, _payload: False)
        bench.hv.ports.connect_events(3, lambda _flag: None, flags=4)
        return bench.status(0x5C, struct.pack("<IIII240x", connection, 0, kind, size))

    @staticmethod
    def signal(connection: int, flag: int = 0) -> int:
        bench = Bench().identify()
        bench.hv.ports.connect_messages(1, lambda _kind, _payload: True)
        bench.hv.ports.connect_events(3, lambda _flag: None, flags=4)
        return bench.status(0x5D, struct.pack("<IHH", connection, flag, 0))

    def test_messages(self) -> None:
        assert self.post(1) == 0
        assert self.post(1, size=0) == 0
        assert self.post(1, kind=0) == INVALID_PARAMETER
        assert self.post(1, kind=1 << 31) == INVALID_PARAMETER
        assert self.post(1, size=241) == INVALID_PARAMETER
        assert self.post(1, size=0xFFFFFFFF) == INVALID_PARAMETER
        assert self.post(2) == INSUFFICIENT_BUFFERS
        assert self.post(3) == INVALID_PORT
        assert self.post(4) == INVALID_CONNECTION
        assert self.post(1 << 24 | 1) == INVALID_CONNECTION

    def test_events(self) -> None:
        assert self.signal(3, 3) == 0
        assert self.signal(3, 4) == INVALID_PARAMETER
        assert self.signal(1) == INVALID_PORT
        assert self.signal(0x1234) == INVALID_CONNECTION


class TestProcessors:
    @pytest.mark.parametrize("vector", [0, 15, 0x100, 0xFFFFFFFF])
    def test_interrupts_have_vectors(self, vector: int) -> None:
        assert status(0x0B, struct.pack("<IB3xQ", vector, 0, 1)) == INVALID_PARAMETER
        assert status(0x15, struct.pack("<IB3xQQ", vector, 0, 1, 0)) == INVALID_PARAMETER

    @pytest.mark.parametrize(("vtl", "expected"), [(0, 0), (0x10, 0), (1, 0), (0x11, 5), (0x20, 5)])
    def test_there_is_one_trust_level(self, vtl: int, expected: int) -> None:
        assert status(0x0B, struct.pack("<IB3xQ", 0xFD, vtl, 1)) == expected
        names = struct.pack("<QIB3xI", SELF, VP_SELF, vtl, 0x00090003)
        assert status(0x50 | ONE_REP, names) == expected

    def test_a_set_is_sparse_or_everybody(self) -> None:
        assert status(0x15, struct.pack("<IB3xQQ", 0xFD, 0, 2, 0)) == INVALID_PARAMETER
        assert status(0x13, struct.pack("<QQQQ", 0, 0, 2, 0)) == INVALID_PARAMETER

    @pytest.mark.parametrize(("valid", "banks"), [(1, 0), (0, 1), (3, 1), (1, 2)])
    def test_a_set_has_the_banks_that_it_says(self, valid: int, banks: int) -> None:
        data = struct.pack("<IB3xQQ", 0xFD, 0, 0, valid) + bytes(8 * banks)
        assert status(0x15 | banks << 17, data) == INVALID_INPUT

    def test_no_processor_is_left_to_start(self) -> None:
        def start(partition: int, vp: int, vtl: int = 0) -> int:
            return status(0x99, struct.pack("<QIB3x224x", partition, vp, vtl))

        assert start(SELF, 0) == INVALID_VP_STATE
        assert start(SELF, VP_SELF) == INVALID_VP_STATE
        assert start(SELF, 1) == INVALID_VP
        assert start(1, 0) == INVALID_PARTITION
        assert start(SELF, 0, vtl=0x12) == INVALID_PARAMETER

    def test_numbers_of_processors(self) -> None:
        def ask(partition: int, apic_id: int, vtl: int = 0) -> int:
            return status(0x9A | ONE_REP, struct.pack("<QB7xI", partition, vtl, apic_id))

        assert ask(SELF, 0) == 0
        assert ask(SELF, 7) == INVALID_PARAMETER
        assert ask(0, 0) == INVALID_PARTITION
        assert ask(SELF, 0, vtl=0x80) == INVALID_PARAMETER


class TestFlushes:
    @pytest.mark.parametrize(
        ("flags", "space", "list_"), [(3, 0, 0), (4, 0, 5), (8, 5, 5), (1 << 63, 5, 5)]
    )
    def test_flags(self, flags: int, space: int, list_: int) -> None:
        assert status(0x02, struct.pack("<QQQ", 0, flags, 1)) == space
        assert status(0x03 | ONE_REP, struct.pack("<QQQQ", 0, flags, 1, 0)) == list_
        assert status(0x13, struct.pack("<QQQQ", 0, flags, 1, 0)) == space
        assert status(0x14 | ONE_REP, struct.pack("<QQQQQ", 0, flags, 1, 0, 0)) == list_


class TestRegisters:
    @staticmethod
    def get(
        name: int, partition: int = SELF, vp: int = VP_SELF, features: str = "all,+tsc-invariant"
    ) -> int:
        data = struct.pack("<QIB3xI", partition, vp, 0, name)
        return status(0x50 | ONE_REP, data, features=features)

    @staticmethod
    def put(name: int, value: int = 0, features: str = "all,+tsc-invariant") -> int:
        bench = Bench(features).identify()
        bench.cpu.read_only.add(0x00040000)
        data = struct.pack("<QIB3x", SELF, VP_SELF, 0)
        data += struct.pack("<I12x", name) + value.to_bytes(16, "little")
        return bench.status(0x51 | ONE_REP, data)

    def test_whose(self) -> None:
        assert self.get(0x00090003) == 0
        assert self.get(0x00090003, vp=0) == 0
        assert self.get(0x00090003, vp=1) == INVALID_VP
        assert self.get(0x00090003, vp=0xFFFFFFFF) == INVALID_VP
        assert self.get(0x00090003, partition=2) == INVALID_PARTITION

    def test_names(self) -> None:
        assert self.get(0x00000000) == UNKNOWN_REGISTER
        assert self.get(0x00030000) == UNKNOWN_REGISTER
        assert self.get(0xFFFFFFFF) == UNKNOWN_REGISTER
        assert self.put(0x000D0003) == UNKNOWN_REGISTER

    def test_a_register_that_the_processor_does_not_give(self) -> None:
        assert self.get(0x00020000) == UNKNOWN_REGISTER
        assert self.put(0x00040000) == INVALID_PARAMETER

    def test_a_register_that_is_not_offered(self) -> None:
        assert self.get(0x000B0000, features="all,-stimer") == ACCESS_DENIED
        assert self.put(0x000B0000, features="all,-stimer") == ACCESS_DENIED

    @pytest.mark.parametrize("name", [0x100, 0x200, 0x00090003, 0x00090004, 0x000A0011])
    def test_read_only(self, name: int) -> None:
        assert self.get(name) == 0
        assert self.put(name) == INVALID_PARAMETER

    def test_values(self) -> None:
        assert self.put(0x000A0002, 5) == INVALID_PARAMETER
        assert self.put(0x00020000, 1 << 64) == INVALID_VALUE
        assert self.put(0x000A0002, 1 << 64 | 0xF3) == INVALID_VALUE
        assert self.put(0x00060001, 1 << 127) == 0
