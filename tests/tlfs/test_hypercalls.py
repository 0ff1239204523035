"""Hypercalls that succeed, and what they do."""

import struct

import pytest

from hv.errors import ConfigError
from tests.tlfs.bench import FAST, OUTPUT, SINT0, Bench

SELF, VP_SELF = (1 << 64) - 1, 0xFFFFFFFE


def raised(bench: Bench) -> list[list[int]]:
    return [apic.take() for apic in bench.apics]


def flushed(bench: Bench) -> list[int]:
    counts = [cpu.flushes for cpu in bench.cpus]
    for cpu in bench.cpus:
        cpu.flushes = 0
    return counts


class TestPorts:
    def test_a_message_arrives_with_its_type_and_no_more_than_its_size(self) -> None:
        bench = Bench().identify()
        got: list[tuple[int, bytes]] = []

        def receive(kind: int, data: bytes) -> bool:
            got.append((kind, data))
            return True

        bench.hv.ports.connect_messages(4, receive)
        block = bytes.fromhex("04000000 00000000 01000000 28000000 0e000000 00000000 03000500")
        assert bench.status(0x5C, block.ljust(256, b"\xaa")) == 0
        ((kind, payload),) = got
        assert kind == 1
        assert payload == (block[16:] + b"\xaa" * 240)[:0x28]

    def test_an_answer_may_come_before_the_call_returns(self) -> None:
        bench = Bench().identify().enable_synic(sint2=0xF3)
        bench.hv.ports.connect_messages(1, lambda _kind, data: bench.hv.post(0, 2, 1, data))
        assert bench.status(0x5C, struct.pack("<IIII240s", 1, 0, 1, 4, b"echo")) == 0
        assert bench.ram.read(0x20210, 4) == b"echo"
        assert bench.apic.take() == [0xF3]

    def test_events_arrive_with_their_flag(self) -> None:
        bench = Bench().identify()
        flags: list[int] = []
        bench.hv.ports.connect_events(0x2001, flags.append, flags=3)
        for flag in (0, 2):
            assert bench.status(0x5D, struct.pack("<IHH", 0x2001, flag, 0)) == 0
        assert flags == [0, 2]

    def test_a_connection_can_be_cut_and_made_again(self) -> None:
        ports = Bench().hv.ports
        ports.connect_events(5, lambda _flag: None)
        with pytest.raises(ConfigError, match="taken"):
            ports.connect_messages(5, lambda _kind, _data: True)
        ports.disconnect(5)
        ports.disconnect(5)
        ports.connect_messages(5, lambda _kind, _data: True)
        assert ports.inspect() == {"messages": [5], "events": []}

    @pytest.mark.parametrize("connection", [0, -1, 1 << 24])
    def test_connection_ids_are_24_bits(self, connection: int) -> None:
        with pytest.raises(ConfigError, match="24 bits"):
            Bench().hv.ports.connect_events(connection, lambda _flag: None)


class TestInterrupts:
    def test_a_mask_of_processors(self) -> None:
        bench = Bench(processors=3).identify()
        assert bench.status(0x0B, struct.pack("<IB3xQ", 0xFD, 0, 0b1101)) == 0
        assert raised(bench) == [[0xFD], [], [0xFD]]

    def test_a_sparse_set(self) -> None:
        bench = Bench(processors=130).identify()
        data = struct.pack("<IB3xQQQQ", 0xFC, 0, 0, 0b101, 0b100001, 0b10)
        assert bench.status(0x15 | 2 << 17, data) == 0
        hit = [index for index, vectors in enumerate(raised(bench)) if vectors]
        assert hit == [0, 5, 129]

    def test_everybody(self) -> None:
        bench = Bench(processors=70).identify()
        assert bench.status(0x15, struct.pack("<IB3xQQ", 0xFC, 0, 1, 0)) == 0
        assert raised(bench) == [[0xFC]] * 70


class TestFlushes:
    def test_a_mask(self) -> None:
        bench = Bench(processors=3).identify()
        assert bench.status(0x02, struct.pack("<QQQ", 0x1000, 0, 0b110)) == 0
        assert flushed(bench) == [0, 1, 1]

    def test_all_processors(self) -> None:
        bench = Bench(processors=3).identify()
        assert bench.status(0x02, struct.pack("<QQQ", 0, 1, 0)) == 0
        assert flushed(bench) == [1, 1, 1]
        assert bench.status(0x13, struct.pack("<QQQQ", 0, 1, 7, 7)) == 0
        assert flushed(bench) == [1, 1, 1]

    def test_a_list(self) -> None:
        bench = Bench(processors=2).identify()
        data = struct.pack("<QQQ3Q", 0, 0, 0b10, 0x1000, 0x2FFF, SELF)
        assert bench.call(0x03 | 3 << 32, data).rax == 3 << 32
        assert flushed(bench) == [0, 1]

    def test_a_list_for_a_sparse_set(self) -> None:
        bench = Bench(processors=66).identify()
        data = struct.pack("<QQQQ2Q", 0, 0, 0, 0b10, 0b11, 0x5000)
        assert bench.call(0x14 | 1 << 17 | 1 << 32, data).rax == 1 << 32
        assert [index for index, count in enumerate(flushed(bench)) if count] == [64, 65]


class TestProcessors:
    def test_spinning_is_always_noted(self) -> None:
        assert Bench("none,+base").identify().status(0x08 | FAST) == 0

    def test_no_extended_calls(self) -> None:
        bench = Bench().identify()
        bench.ram.write(OUTPUT, b"\xff" * 16)
        assert bench.status(0x8001) == 0
        assert bench.ram.read(OUTPUT, 16) == bytes(8) + b"\xff" * 8

    def test_indices_by_apic_id(self) -> None:
        bench = Bench(processors=3).identify()
        data = struct.pack("<QB7xIII", SELF, 0, 4, 0, 2)
        assert bench.call(0x9A | 3 << 32, data).rax == 3 << 32
        assert struct.unpack("<III", bench.ram.read(OUTPUT, 12)) == (2, 0, 1)


class TestRegisters:
    @staticmethod
    def get(bench: Bench, *names: int, vp: int = VP_SELF) -> list[int]:
        data = struct.pack(f"<QIB3x{len(names)}I", SELF, vp, 0, *names)
        result = bench.call(0x50 | len(names) << 32, data)
        assert result.rax == len(names) << 32
        words = bench.ram.read(OUTPUT, 16 * len(names))
        return [int.from_bytes(words[at : at + 16], "little") for at in range(0, len(words), 16)]

    @staticmethod
    def put(bench: Bench, name: int, value: int, vp: int = VP_SELF) -> None:
        data = struct.pack("<QIB3xI12x", SELF, vp, 0, name) + value.to_bytes(16, "little")
        assert bench.call(0x51 | 1 << 32, data).rax == 1 << 32

    def test_synthetic_registers_are_the_msrs(self) -> None:
        bench = Bench(processors=2).identify().enable_synic(sint2=0xF3)
        bench.clock.advance(700)
        names = [0x00090001, 0x00090002, 0x00090003, 0x00090004, 0x000A0002, 0x000A0010, 0x000A0013]
        numbers = [
            0x40000001,
            0x40000000,
            0x40000002,
            0x40000020,
            0x40000092,
            0x40000080,
            0x40000083,
        ]
        assert self.get(bench, *names) == [bench.vp.read_msr(number) for number in numbers]
        assert self.get(bench, 0x00090003, vp=1) == [1]

    @pytest.mark.parametrize(
        ("name", "number", "value"),
        [
            (0x000A0000, SINT0, 0x41),
            (0x000A000F, SINT0 + 15, 0x42),
            (0x000A0012, 0x40000082, 0x5001),
            (0x000B0001, 0x400000B1, 77),
            (0x000B0006, 0x400000B6, 0x1ED8),
            (0x00090013, 0x40000073, 0x6001),
            (0x00090017, 0x40000021, 0x7001),
            (0x00000214, 0x40000104, 99),
        ],
    )
    def test_setting_one_is_writing_the_msr(self, name: int, number: int, value: int) -> None:
        bench = Bench(processors=2).identify()
        self.put(bench, name, value, vp=1)
        assert bench.vps[1].read_msr(number) == value

    def test_what_cpuid_tells_in_128_bits(self) -> None:
        bench = Bench("default,+vp-registers").identify()
        (features,) = self.get(bench, 0x200)
        assert features.to_bytes(16, "little") == struct.pack(
            "<IIII", 0xA7E, 0x30 | 1 << 17, 0, 0x80500
        )

    def test_the_processors_own_go_through_its_door(self) -> None:
        bench = Bench(processors=2).identify()
        bench.cpus[1].registers = {0x00020003: 0x1234, 0x00060001: 1 << 127 | 0x10}
        assert self.get(bench, 0x00020003, 0x00060001, vp=1) == [0x1234, 1 << 127 | 0x10]
        self.put(bench, 0x00080001, 0xD01, vp=1)
        assert bench.cpus[1].registers[0x00080001] == 0xD01
        assert bench.cpu.registers == {}
