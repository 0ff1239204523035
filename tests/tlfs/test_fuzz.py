"""A guest that does anything at all gets documented faults, and makes nothing grow."""

import struct
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from hv.tlfs import AccessFault, Feature, HypercallRegisters, UndefinedOperation
from hv.tlfs.hypercalls import HYPERCALLS
from hv.tlfs.synic import MAX_QUEUED
from tests.tlfs.bench import HYPERCALL, INPUT, Bench

U64 = st.integers(0, (1 << 64) - 1)
CODES = st.one_of(st.sampled_from(sorted(HYPERCALLS)), st.integers(0, 0xFFFF))
FEATURES = st.sampled_from(["all", "default", "all,-xmm-input", "all,-synic"])
ADDRESSES = st.one_of(
    st.integers(0, 0x40).map(lambda page: page << 12),
    st.integers(0, 0x8000).map(lambda unit: unit << 3),
    U64,
)
CONTROLS = st.builds(
    lambda code, fast, variable, reps, start, noise: (
        code | fast << 16 | variable << 17 | reps << 32 | start << 48 | noise
    ),
    CODES,
    st.booleans(),
    st.one_of(st.just(0), st.integers(0, 4), st.integers(0, 0x3FF)),
    st.one_of(st.integers(0, 3), st.integers(0, 0xFFF)),
    st.one_of(st.just(0), st.integers(0, 0xFFF)),
    st.one_of(st.just(0), U64.map(lambda value: value & ~0xFFFFFFF)),
)
WORDS = st.one_of(
    st.sampled_from([0, 1, 2, 0xFD, (1 << 64) - 1, 0xFFFFFFFE, 0x1_00000001, 0x90003, 0xA0002]), U64
)
NUMBERS = st.one_of(st.sampled_from(Bench().vp.msr_numbers), st.integers(0x40000000, 0x40000200))


def hypercall(bench: Bench, registers: HypercallRegisters) -> None:
    """To its end; it must move on at every exit."""
    for _ in range(70):
        try:
            result = bench.vp.hypercall(registers)
        except UndefinedOperation:
            return
        if result.done:
            return
        assert result.rcx is not None
        assert result.rcx >> 48 & 0xFFF > registers.rcx >> 48 & 0xFFF
        registers = HypercallRegisters(rcx=result.rcx, rdx=registers.rdx, r8=registers.r8)
    raise AssertionError("the call does not end")


@settings(max_examples=400, deadline=None)
@given(
    features=FEATURES,
    control=CONTROLS,
    addresses=st.tuples(ADDRESSES, ADDRESSES),
    words=st.lists(WORDS, max_size=40),
)
def test_hypercalls(
    features: str, control: int, addresses: tuple[int, int], words: list[int]
) -> None:
    bench = Bench(features, processors=3).identify()
    if Feature.SYNIC in bench.hv.features:
        bench.enable_synic()
    bench.hv.ports.connect_messages(1, lambda kind, data: bench.hv.post(0, 2, kind, data))
    bench.hv.ports.connect_events(2, lambda flag: None, flags=64)
    block = struct.pack(f"<{len(words)}Q", *words)
    bench.ram.write(addresses[0], block)
    bench.ram.write(INPUT, block)
    for rdx in (addresses[0], INPUT, words[0] if words else 0):
        hypercall(bench, HypercallRegisters(rcx=control, rdx=rdx, r8=addresses[1]))


@settings(max_examples=200, deadline=None)
@given(registers=st.tuples(*[U64] * 7), is_64bit=st.booleans(), code=CODES)
def test_hypercalls_in_either_mode(registers: tuple[int, ...], is_64bit: bool, code: int) -> None:
    bench = Bench().identify()
    rax, rbx, rcx, rdx, rsi, rdi, r8 = registers
    keep = ~0xFFFF
    call = HypercallRegisters(
        rax & keep | code,
        rbx,
        rcx & keep | code,
        rdx,
        rsi,
        rdi,
        r8,
        is_64bit,
        xmm=lambda n: rax << 64 | n,
    )
    try:
        result = bench.vp.hypercall(call)
    except UndefinedOperation:
        return
    limit = 1 << (64 if is_64bit else 32)
    for value in (result.rax, result.rcx, result.rdx):
        assert value is None or 0 <= value < limit


def sizes(value: object) -> Iterable[int]:
    """Of every list in what inspection shows."""
    if isinstance(value, dict):
        for part in value.values():
            yield from sizes(part)
    elif isinstance(value, list):
        yield len(value)
        for part in value:
            yield from sizes(part)


STEPS = st.one_of(
    st.tuples(
        st.just("wrmsr"), NUMBERS, st.one_of(WORDS, ADDRESSES, ADDRESSES.map(lambda a: a | 1))
    ),
    st.tuples(st.just("rdmsr"), NUMBERS, st.just(0)),
    st.tuples(st.just("wait"), st.just(0), st.integers(0, 10**7)),
    st.tuples(st.just("post"), st.integers(0, 15), st.integers(0, 240)),
    st.tuples(st.just("signal"), st.integers(0, 15), st.integers(0, 2047)),
    st.tuples(st.just("store"), ADDRESSES, st.integers(0, 255)),
    st.tuples(st.just("reset"), st.just(0), st.just(0)),
)


def step(bench: Bench, verb: str, a: int, b: int) -> None:
    if verb == "wrmsr":
        bench.vp.write_msr(a, b)
    elif verb == "rdmsr":
        assert 0 <= bench.vp.read_msr(a) < 1 << 64
    elif verb == "wait":
        bench.clock.advance(b)
    elif verb == "post":
        bench.hv.post(0, a, 1, bytes(b))
    elif verb == "signal":
        bench.hv.signal(0, a, b)
    elif verb == "store":
        bench.ram.write(a, bytes([b]))
    else:
        bench.hv.reset()


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=60))
def test_registers_messages_and_time(steps: list[tuple[str, int, int]]) -> None:
    bench = Bench()
    for verb, a, b in steps:
        try:
            step(bench, verb, a, b)
        except AccessFault:
            assert verb in ("wrmsr", "rdmsr")
    assert max(sizes(bench.hv.inspect())) <= MAX_QUEUED
    assert len(bench.overlays.pages) <= 5


@given(seed=st.lists(STEPS, max_size=30))
def test_the_same_guest_sees_the_same_twice(seed: list[tuple[str, int, int]]) -> None:
    def run() -> tuple[object, bytes, list[tuple[int, bool]]]:
        bench = Bench().identify().enable_synic(sint2=0xF3, sint5=0x55)
        for verb, a, b in seed:
            try:
                step(bench, verb, a, b)
            except AccessFault:
                bench.vp.read_msr(HYPERCALL)
        return bench.hv.inspect(), bytes(bench.ram.bytes), bench.apic.raised

    assert run() == run()
