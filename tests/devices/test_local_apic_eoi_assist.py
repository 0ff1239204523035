"""EOI assist at the local APIC: when software is spared an EOI, and that nothing else changes by it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv_devices.emulated.apic_bus import ApicMessage, DeliveryMode
from tests.devices.apic_bench import APR, EOI, ICR_LOW, IRR, ISR, PPR, TO_SELF, Bench

LOW, HIGH = 0x31, 0x91


class Page:
    """The bit that hypervisor and guest share."""

    def __init__(self) -> None:
        self.no_eoi_required = False
        self.there = True

    def offer(self) -> bool:
        self.no_eoi_required = self.there
        return self.there

    def withdraw(self) -> bool:
        was, self.no_eoi_required = self.no_eoi_required, False
        return was


class AssistedBench(Bench):
    """A guest that ends its interrupts as the specification says."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.apic.use_eoi_assist(self.page)

    def end(self) -> bool:
        """End the interrupt in service. True: without an EOI."""
        if self.page.withdraw():
            return True
        self.write(EOI, 0)
        return False


def test_a_lone_interrupt_needs_no_eoi_and_the_next_one_comes_all_the_same() -> None:
    bench = AssistedBench()
    for _ in range(3):
        bench.apic.raise_edge(LOW)
        assert bench.apic.acknowledge() == LOW
        assert bench.end()
    assert bench.eois == 0


def test_what_is_in_service_is_known_before_it_ends_and_afterwards() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(HIGH)
    bench.apic.acknowledge()
    assert bench.vectors(ISR) == [HIGH]
    bench = AssistedBench()
    bench.apic.raise_edge(HIGH)
    bench.apic.acknowledge()
    assert bench.end()
    assert bench.vectors(ISR) == []


@pytest.mark.parametrize("register", [PPR, APR])
def test_priorities_fall_when_an_interrupt_ended_without_an_eoi(register: int) -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(HIGH)
    bench.apic.acknowledge()
    assert bench.end()
    assert bench.read(register) == 0


def test_an_interrupt_that_keeps_another_one_waiting_needs_its_eoi() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(LOW)
    bench.apic.raise_edge(HIGH)
    assert bench.apic.acknowledge() == HIGH
    assert not bench.end()
    assert bench.intr.level
    assert bench.apic.acknowledge() == LOW
    assert bench.end()


def test_one_that_comes_later_and_has_to_wait_takes_the_bit_back() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(HIGH)
    bench.apic.acknowledge()
    assert bench.page.no_eoi_required
    bench.apic.raise_edge(LOW)
    assert not bench.page.no_eoi_required
    assert not bench.intr.level
    assert not bench.end()
    assert bench.apic.acknowledge() == LOW


def test_of_nested_interrupts_only_the_inner_one_needs_no_eoi() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(LOW)
    bench.apic.acknowledge()
    bench.apic.raise_edge(HIGH)
    assert bench.apic.acknowledge() == HIGH
    assert bench.end()
    assert not bench.end()
    assert bench.eois == 1
    assert bench.vectors(ISR) == []


def test_a_level_triggered_interrupt_always_needs_its_eoi() -> None:
    bench = AssistedBench()
    bench.apic.accept(ApicMessage(LOW, DeliveryMode.FIXED.value, 0, level=True))
    bench.apic.acknowledge()
    assert not bench.end()
    assert bench.ended == [LOW]


def test_one_that_ended_without_an_eoi_holds_no_level_triggered_one_back() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(HIGH)
    bench.apic.acknowledge()
    assert bench.end()
    bench.apic.raise_level(LOW)
    assert bench.intr.level


def test_an_interrupt_to_oneself_needs_none_either() -> None:
    bench = AssistedBench()
    bench.write(ICR_LOW, TO_SELF | LOW)
    assert bench.apic.acknowledge() == LOW
    assert bench.end()


def test_an_eoi_is_taken_though_none_was_required() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(LOW)
    bench.apic.acknowledge()
    bench.write(EOI, 0)
    assert not bench.page.no_eoi_required
    assert bench.vectors(ISR) == []
    bench.apic.raise_edge(LOW)
    assert bench.apic.acknowledge() == LOW


def test_software_without_a_page_ends_its_interrupts_itself() -> None:
    bench = AssistedBench()
    bench.page.there = False
    bench.apic.raise_edge(LOW)
    bench.apic.acknowledge()
    assert not bench.end()
    assert bench.vectors(ISR) == []


def test_a_reset_takes_the_bit_back() -> None:
    bench = AssistedBench()
    bench.apic.raise_edge(LOW)
    bench.apic.acknowledge()
    bench.apic.reset()
    assert not bench.page.no_eoi_required


VECTORS = st.sampled_from([0x31, 0x35, 0x41, 0x72, 0xF1])
STEPS = st.lists(st.tuples(st.sampled_from(["edge", "level", "auto", "end", "look"]), VECTORS))


def story(bench: Bench, steps: list[tuple[str, int]]) -> list[tuple[str, object]]:
    """What software sees of ``steps``; interrupts are taken as soon as they can be."""
    seen: list[tuple[str, object]] = []
    for what, vector in steps:
        if what == "end" and isinstance(bench, AssistedBench):
            bench.end()
        elif what == "end":
            bench.write(EOI, 0)
        elif what == "level":
            bench.apic.raise_level(vector)
        elif what in ("edge", "auto"):
            bench.apic.raise_edge(vector, what == "auto")
        elif what == "look":
            seen.append(("look", (bench.vectors(ISR), bench.vectors(IRR), bench.read(PPR))))
        while bench.intr.level:
            seen.append(("taken", bench.apic.acknowledge()))
    return [*seen, ("ended", list(bench.ended))]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(STEPS)
def test_software_sees_the_same_with_and_without(steps: list[tuple[str, int]]) -> None:
    assert story(AssistedBench(), steps) == story(Bench(), steps)
