"""Synthetic MSRs: who may read and write what, and what it reads after a reset."""

import pytest

from hv.tlfs import AccessFault, Feature, msr_name
from hv.tlfs.msrs import MSRS
from tests.tlfs.bench import APIC_HZ, LINUX, MASKED, Bench, general_protection

ALL = range(0x40000000, 0x40000200)

READ_ONLY = {
    0x40000002: "VP_INDEX",
    0x40000010: "VP_RUNTIME",
    0x40000020: "TIME_REF_COUNT",
    0x40000022: "TSC_FREQUENCY",
    0x40000023: "APIC_FREQUENCY",
    0x40000081: "SVERSION",
    0x400000F0: "GUEST_IDLE",
}
WRITE_ONLY = {0x40000070: "EOI"}
READ_WRITE = {
    0x40000000: "GUEST_OS_ID",
    0x40000001: "HYPERCALL",
    0x40000003: "RESET",
    0x40000021: "REFERENCE_TSC",
    0x40000071: "ICR",
    0x40000072: "TPR",
    0x40000073: "VP_ASSIST_PAGE",
    0x40000080: "SCONTROL",
    0x40000082: "SIEFP",
    0x40000083: "SIMP",
    0x40000084: "EOM",
    **{0x40000090 + n: f"SINT{n}" for n in range(16)},
    **{0x400000B0 + 2 * n: f"STIMER{n}_CONFIG" for n in range(4)},
    **{0x400000B1 + 2 * n: f"STIMER{n}_COUNT" for n in range(4)},
    **{0x40000100 + n: f"CRASH_P{n}" for n in range(5)},
    0x40000105: "CRASH_CTL",
    0x40000118: "TSC_INVARIANT_CONTROL",
}
APICS = (0x40000071, 0x40000072)
NAMES = {**READ_ONLY, **WRITE_ONLY, **READ_WRITE}

AT_RESET = dict.fromkeys((number for number in READ_WRITE if number not in APICS), 0) | {
    0x40000081: 1,
    0x40000105: 0xC0000000_00000000,
    **{0x40000090 + n: 0x10000 for n in range(16)},
}

GATES = {
    "runtime": [0x40000010],
    "refcount": [0x40000020],
    "reftsc": [0x40000021],
    "frequencies": [0x40000022, 0x40000023],
    "synic": [
        0x40000080,
        0x40000081,
        0x40000082,
        0x40000083,
        0x40000084,
        *range(0x40000090, 0x400000A0),
    ],
    "stimer": [*range(0x400000B0, 0x400000B8)],
    "apic": [0x40000070, 0x40000071, 0x40000072],
    "idle": [0x400000F0],
    "reset": [0x40000003],
    "crash": [*range(0x40000100, 0x40000106)],
    "tsc-invariant": [0x40000118],
}


def readable(bench: Bench, number: int) -> bool:
    try:
        bench.vp.read_msr(number)
    except AccessFault:
        return False
    return True


def writable(bench: Bench, number: int) -> bool:
    try:
        bench.vp.write_msr(number, MASKED)
    except AccessFault:
        return False
    return True


@pytest.mark.parametrize("number", ALL, ids=hex)
def test_access(number: int) -> None:
    bench = Bench()
    assert readable(bench, number) == (number in READ_ONLY or number in READ_WRITE)
    assert writable(bench, number) == (number in WRITE_ONLY or number in READ_WRITE)


def test_the_numbers_offered_are_those_that_answer() -> None:
    assert list(Bench().vp.msr_numbers) == sorted(NAMES)
    assert list(Bench("none").vp.msr_numbers) == []
    assert list(Bench("none,+base").vp.msr_numbers) == [
        0x40000000,
        0x40000001,
        0x40000002,
        0x40000073,
    ]


def test_names_are_the_specifications() -> None:
    assert {number: msr_name(number) for number in NAMES} == NAMES
    assert msr_name(0x400001FF) == "0x400001ff"


@pytest.mark.parametrize("number", AT_RESET, ids=hex)
def test_value_at_reset(number: int) -> None:
    bench = Bench()
    assert bench.vp.read_msr(number) == AT_RESET[number]
    bench.identify().enable_synic(sint2=0xF3)
    if writable(bench, number):
        bench.hv.reset()
    assert bench.vp.read_msr(number) == AT_RESET[number]
    documented = MSRS[number].reset
    assert documented is None or documented == AT_RESET[number]


@pytest.mark.parametrize("feature", GATES)
def test_what_is_not_offered_faults(feature: str) -> None:
    bench = Bench(f"all,-{feature}")
    for number in GATES[feature]:
        assert not readable(bench, number)
        assert not writable(bench, number)
        assert number not in bench.vp.msr_numbers


def test_every_register_is_behind_one_feature() -> None:
    gated = [number for numbers in GATES.values() for number in numbers]
    base = [number for number, msr in MSRS.items() if msr.feature is Feature.BASE]
    assert sorted(gated + base) == sorted(NAMES)


def test_processors_have_their_own_index_and_share_the_partitions_registers() -> None:
    bench = Bench(processors=3)
    assert [vp.read_msr(0x40000002) for vp in bench.vps] == [0, 1, 2]
    bench.vps[1].write_msr(0x40000000, LINUX)
    bench.vps[2].write_msr(0x40000100, 0x1234)
    bench.vps[1].write_msr(0x40000092, 0xF3)
    assert bench.vps[0].read_msr(0x40000000) == LINUX
    assert bench.vps[0].read_msr(0x40000100) == 0x1234
    assert bench.vps[0].read_msr(0x40000092) == 0x10000


def test_frequencies() -> None:
    bench = Bench()
    assert bench.vp.read_msr(0x40000022) == 1_000_000_000
    assert bench.vp.read_msr(0x40000023) == APIC_HZ


def test_run_time_is_the_doors() -> None:
    bench = Bench()
    bench.clock.advance(10_000)
    assert bench.vp.read_msr(0x40000010) == 50


def test_apic_registers_reach_the_apic() -> None:
    bench = Bench()
    bench.vp.write_msr(0x40000071, 0x03000000_000040FD)
    assert bench.apic.icr == 0x03000000_000040FD
    assert bench.vp.read_msr(0x40000071) == 0x03000000_000040FD
    bench.vp.write_msr(0x40000072, 0x1E0)
    assert bench.apic.tpr == bench.vp.read_msr(0x40000072) == 0xE0
    bench.vp.write_msr(
        0x40000070, 0xFFFFFFFF_FFFFFFFF
    )  # the specification's own example leaves RAX as it is
    assert bench.apic.eois == 1


def test_reset_is_asked_for_by_bit_0_and_reads_zero() -> None:
    bench = Bench()
    bench.vp.write_msr(0x40000003, 2)
    assert bench.control.resets == 0
    bench.vp.write_msr(0x40000003, 1)
    assert bench.control.resets == 1
    assert bench.vp.read_msr(0x40000003) == 0


def test_reading_guest_idle_suspends_the_processor() -> None:
    bench = Bench(processors=2)
    assert bench.vps[1].read_msr(0x400000F0) == 0
    assert [cpu.idles for cpu in bench.cpus] == [0, 1]


def test_tsc_invariant_control_shows_the_bit() -> None:
    bench = Bench()
    assert not bench.hv.tsc_invariant
    bench.vp.write_msr(0x40000118, 1)
    assert bench.hv.tsc_invariant
    assert bench.vp.read_msr(0x40000118) == 1
    bench.hv.reset()
    assert not bench.hv.tsc_invariant


@pytest.mark.parametrize("value", [0, 0x0F, 0x2000F], ids=hex)
def test_an_unmasked_source_needs_a_vector(value: int) -> None:
    bench = Bench()
    with general_protection():
        bench.vp.write_msr(0x40000095, value)
    assert bench.vp.read_msr(0x40000095) == 0x10000


@pytest.mark.parametrize(
    "value", [0x10000, 0x100FF, 0x10, 0xFF, 0xABCD0000_0002F0F3, 0x40000], ids=hex
)
def test_sources_keep_what_is_written(value: int) -> None:
    bench = Bench()
    bench.vp.write_msr(0x40000095, value)
    assert bench.vp.read_msr(0x40000095) == value


def test_without_polling_mode_its_bit_means_nothing() -> None:
    bench = Bench("all,-sint-polling")
    with general_protection():
        bench.vp.write_msr(0x40000095, 0x40000)


def test_inspection_shows_plain_data() -> None:
    bench = Bench().identify().enable_synic(sint2=0xF3)
    state = bench.hv.inspect()
    assert state["partition"]["guest_os_id"] == LINUX  # type: ignore[index]
    assert state["processors"][0]["synic"]["sints"][2] == 0xF3  # type: ignore[index]
