"""The 8254's lazy counters against one that takes every pulse, as the data sheet tells it."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.emulated.i8254 import I8254
from tests.fakes import ManualClock, RecordingLine

HZ = 1_193_182
CONTROL = 3
LEVEL_GATE = (0, 2, 3, 4)
EDGE_GATE = (1, 2, 3, 5)


@dataclass
class ClockedCounter:
    """Count register, counting element, two flip-flops and OUT."""

    mode: int = 3
    modulus: int = 65536
    gate: bool = True
    out: bool = True
    null: bool = True
    register: int | None = None
    element: int = 0
    load: bool = False
    counting: bool = False
    strobe_to_come: bool = False
    odd: bool = False
    """Of the count in use; the register may already hold another."""

    def control(self, mode: int, bcd: bool) -> None:
        self.mode, self.modulus = mode, 10000 if bcd else 65536
        self.element %= self.modulus
        self.out = mode != 0
        self.null, self.register = True, None
        self.load = self.counting = self.strobe_to_come = False

    def write(self, count: int) -> None:
        self.register = count or self.modulus
        self.null = True
        if self.mode == 0:
            self.out = self.counting = False
        if self.mode in (0, 4) or (self.mode in (2, 3) and not self.counting):
            self.load = True

    def set_gate(self, level: bool) -> None:
        rises = level and not self.gate
        self.gate = level
        if rises and self.mode in EDGE_GATE and self.register is not None:
            self.load = True
        if not level and (self.mode in (2, 3) or (self.mode == 4 and not self.out)):
            self.out = True

    def clock(self) -> None:
        if self.load:
            self.take_count()
            self.out = self.mode not in (0, 1)
        elif self.counting and (self.gate or self.mode not in LEVEL_GATE):
            (self.down, self.down, self.rate, self.square, self.strobe, self.strobe)[self.mode]()

    def take_count(self) -> None:
        assert self.register is not None
        self.load, self.null, self.counting, self.strobe_to_come = False, False, True, True
        self.odd = bool(self.register & 1)
        self.element = self.register & ~1 if self.mode == 3 else self.register

    def down(self) -> None:
        self.element -= 1
        if self.element == 0:
            self.out = True
        self.element %= self.modulus

    def rate(self) -> None:
        if self.element == 1:
            self.take_count()
            self.out = True
            return
        self.element -= 1
        self.out = self.element != 1

    def square(self) -> None:
        odd_high = self.out and self.odd
        if odd_high and self.element == 0:
            self.out = False
            self.take_count()
            return
        self.element -= 2
        if self.element == 0 and not odd_high:
            self.out = not self.out
            self.take_count()

    def strobe(self) -> None:
        self.element -= 1
        self.out = not (self.element == 0 and self.strobe_to_come)
        if self.element == 0:
            self.strobe_to_come = False
        self.element %= self.modulus


small = st.integers(2, 9)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("control"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("write"), small, st.none()),
        st.tuples(st.just("write"), small, st.none()),
        st.tuples(st.just("gate"), st.booleans(), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 25), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 3), st.none()),
    ),
    max_size=40,
)


def from_bcd(word: int) -> int:
    return int(f"{word:x}")


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(first_mode=st.integers(0, 5), steps=steps)
def test_lazy_counter_agrees_with_a_clocked_one(
    first_mode: int, steps: list[tuple[str, int, bool | None]]
) -> None:
    clock, line = ManualClock(), RecordingLine()
    pit, model = I8254(clock, line), ClockedCounter()
    tick, bcd = 0, False

    def check() -> None:
        assert pit.out(0) == line.level == model.out
        pit.write(CONTROL, 0xC2, 1)  # read back status and count of counter 0
        status, low, high = (pit.read(0, 1) for _ in range(3))
        assert bool(status & 0x80) == model.out
        assert bool(status & 0x40) == model.null
        word = high << 8 | low
        assert (from_bcd(word) if bcd else word) == model.element % model.modulus

    for kind, number, flag in [("control", first_mode, False), *steps]:
        if kind == "control":
            bcd = bool(flag)
            pit.write(CONTROL, 0x30 | number << 1 | bcd, 1)
            model.control(number, bcd)
        elif kind == "write":
            pit.write(0, number, 1)
            pit.write(0, 0, 1)
            model.write(number)
        elif kind == "gate":
            pit.set_gate(0, bool(number))
            model.set_gate(bool(number))
        else:
            for _ in range(number):
                tick += 1
                clock.advance(-(-tick * 10**9 // HZ) - clock.now())
                model.clock()
                check()
        check()
