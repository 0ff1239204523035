"""A debugger stops where it asked to, and the run stays what it was, to the last instruction."""

import pytest

from hv.cpu.engine import Watch
from hv.root.machine import UNLIMITED, Machine
from hv.root.result import make_result, to_json
from hv.root.samples import Sample, all_samples
from hv.vp import Cause, End, Ending, Stop
from tests.guests.test_samples import machine_for
from tests.machines import boot_sector, flat

ORIGIN = 0x7C00
WINDOWS = 8
STEPS = 120
HITS = 200
QUICK = {"pit_irq", "exceptions64", "v86", "storvsc_rw"}


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HV_ACCEL", "0")


@pytest.fixture(params=["1", "0"], ids=["accelerator", "twin"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HV_ACCEL", request.param)


def steps(machine: Machine, count: int) -> tuple[list[int], End | None]:
    """The addresses of the instructions behind ``count`` single steps."""
    vp, stops, addresses = machine.partition.vp, machine.partition.vp.debug(), []
    for _ in range(count):
        before = vp.retired()
        stops.step()
        end = machine.partition.run(UNLIMITED)
        if end is not None:
            return addresses, end
        assert stops.stop == Stop(Cause.STEP, stops.pc())
        assert vp.retired() - before in (0, 1)  # none where a fault or an interrupt is delivered
        addresses.append(stops.pc())
    return addresses, None


def hits(machine: Machine, addresses: list[int], most: int) -> End | None:
    """Stop at ``addresses`` up to ``most`` times."""
    stops = machine.partition.vp.debug()
    stops.stop_at(addresses)
    for _ in range(most):
        end = machine.partition.run(machine.insns + 20_000)
        if end is not None:
            return end
        if stops.stop is None:
            break
        assert stops.stop.cause is Cause.ADDRESS
        assert stops.stop.at == stops.pc()
        assert stops.pc() in addresses
    stops.stop_at(())
    return None


def undebugged(sample: Sample) -> tuple[bytes, int]:
    machine = machine_for(sample)
    return to_json(make_result(machine, machine.run(sample.max_insns))), machine.insns


def debugged(sample: Sample, insns: int) -> bytes:
    """Steps and breakpoints in ``WINDOWS`` places of a run of ``insns`` instructions."""
    machine = machine_for(sample)
    end = None
    for window in range(WINDOWS):
        end = end or machine.partition.run(window * insns // WINDOWS)
        if end is None:
            machine.partition.vp.debug().hold()
            addresses, end = steps(machine, STEPS)
            end = end or hits(machine, addresses[::7], HITS)
    end = end or machine.run(sample.max_insns)
    return to_json(make_result(machine, end))


@pytest.mark.parametrize("sample", all_samples(), ids=lambda sample: sample.name)
def test_a_debugged_run_has_the_same_result(sample: Sample) -> None:
    result, insns = undebugged(sample)
    assert debugged(sample, insns) == result


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize(
    "sample", [s for s in all_samples() if s.name in QUICK], ids=lambda sample: sample.name
)
def test_the_twin_stops_as_the_accelerator_does(sample: Sample) -> None:
    result, insns = undebugged(sample)
    assert debugged(sample, insns) == result


@pytest.mark.usefixtures("accelerator")
def test_a_watched_run_has_the_same_result() -> None:
    for sample in (s for s in all_samples() if s.name in QUICK):
        result, _ = undebugged(sample)
        machine = machine_for(sample)
        stops = machine.partition.vp.debug()
        stops.watch([Watch(ORIGIN - 0x1000, 0x1000, reads=True, writes=True)])  # stacks are there
        end = machine.partition.run(UNLIMITED)
        met = 0
        while end is None:
            assert stops.stop is not None
            assert stops.stop.cause is Cause.ACCESS
            met += 1
            end = machine.partition.run(UNLIMITED)
        assert met > 1000
        assert to_json(make_result(machine, end)) == result


LONG_BLOCKS = f"""
    .equ body, 700
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7000
    mov word ptr [0x20], offset handler
    mov word ptr [0x22], 0
    mov al, 0x11                # 8259A: edge triggered, vectors from 8, only the timer
    out 0x20, al
    mov al, 8
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34                # 8254: channel 0, mode 2, every four ticks
    out 0x43, al
    mov al, 4
    out 0x40, al
    xor al, al
    out 0x40, al
    sti
    mov cx, 40
again:
    {"inc bx" + chr(10)} {("inc bx" + chr(10)) * 700}
    dec cx
    jz done
    jmp again
done:
    mov al, 0
    out 0xf4, al
handler:
    push ax
    mov al, 0x20
    out 0x20, al
    inc word ptr [0x5000]
    pop ax
    iret
"""


def test_blocks_that_end_for_their_length_end_there_under_a_debugger() -> None:
    """512 instructions are the most; interrupts come between, and nowhere else."""
    plain = flat(LONG_BLOCKS)
    result = to_json(make_result(plain, plain.run()))
    assert int.from_bytes(plain.partition.memory.read(0x5000, 2), "little") > 50
    stepped = flat(LONG_BLOCKS)
    end = steps(stepped, 10_000)[1] or stepped.run()
    assert to_json(make_result(stepped, end)) == result
    broken = flat(LONG_BLOCKS)
    end = hits(broken, [ORIGIN + 0x100, ORIGIN + 0x180], 100) or broken.run()
    assert to_json(make_result(broken, end)) == result


@pytest.mark.usefixtures("accelerator")
def test_a_breakpoint_in_a_loop_stops_each_time_and_not_where_the_run_goes_on() -> None:
    machine = flat("""
        mov cx, 3
    again:
        nop
        dec cx
        jnz again
        mov al, 0
        out 0xf4, al
    """)
    vp, stops = machine.partition.vp, machine.partition.vp.debug()
    stops.stop_at([ORIGIN, ORIGIN + 4])  # the first instruction is known to the debugger
    counts = []
    while machine.partition.run(UNLIMITED) is None:
        assert stops.stop == Stop(Cause.ADDRESS, ORIGIN + 4)
        counts.append(vp.retired())
    assert counts == [2, 5, 8]


@pytest.mark.usefixtures("accelerator")
def test_a_breakpoint_may_be_set_on_code_that_has_run() -> None:
    machine = flat("again: inc bx\ninc dx\njmp again")
    machine.run(3000)
    stops = machine.partition.vp.debug()
    stops.hold()
    stops.stop_at([ORIGIN + 1])
    assert machine.partition.run(UNLIMITED) is None
    assert stops.stop == Stop(Cause.ADDRESS, ORIGIN + 1)
    assert machine.insns % 3 == 1


@pytest.mark.usefixtures("accelerator")
def test_steps_over_instructions_that_leave_their_block() -> None:
    """CPUID and OUT stay in it, RDMSR and RDTSC do not, HLT waits, #DE goes to its handler."""
    machine = flat("""
        mov word ptr [0], offset divide
        mov word ptr [2], 0
        cpuid
        out 0x80, al
        mov ecx, 0x10
        rdmsr
        rdtsc
        xor cx, cx
        div cx
    behind:
        mov al, 0
        out 0xf4, al
    divide:
        add sp, 6
        jmp behind
    """)
    addresses, end = steps(machine, 100)
    assert end == End(Ending.DEBUG_EXIT, 0)
    assert machine.insns == 12
    assert len(addresses) == 12  # one more for the fault, one less for the end
    code = machine.partition.memory.read(addresses[8], 2)
    assert code == b"\x83\xc4"  # ADD SP: the handler's first instruction


@pytest.mark.usefixtures("accelerator")
def test_a_step_over_hlt_ends_halted_and_the_next_one_takes_the_interrupt() -> None:
    machine = flat("""
        mov word ptr [0x0c], 0
        hlt
        hlt
    """)
    stops = machine.partition.vp.debug()
    _, end = steps(machine, 2)
    assert end is None
    assert machine.partition.vp.halted
    assert stops.pc() == ORIGIN + 7
    stops.step()
    end = machine.partition.run(UNLIMITED)
    assert end is not None
    assert end.ending is Ending.STUCK


@pytest.mark.usefixtures("accelerator")
def test_string_instructions_are_stepped_one_iteration_at_a_time() -> None:
    machine = flat("mov di, 0x600\nmov cx, 3\nrep stosb\nmov al, 0\nout 0xf4, al")
    addresses, _ = steps(machine, 6)
    offsets = [address - ORIGIN for address in addresses]
    assert offsets == [3, 6, 6, 6, 6, 8]  # the fourth finds that there is nothing left


@pytest.mark.usefixtures("accelerator")
def test_a_watch_stops_behind_the_instruction_that_touched_the_byte() -> None:
    source = """
        mov ax, 0x600
        mov bx, ax
        mov word ptr [bx-1], 0x1234     # up to 0x600
        mov al, byte ptr [0x600]
        mov byte ptr [0x601], al        # a neighbour
        push word ptr [0x5ff]           # reads it, too
        mov al, 0
        out 0xf4, al
    """
    met = {}
    for reads, writes in ((False, True), (True, False), (True, True)):
        machine = flat(source)
        stops = machine.partition.vp.debug()
        stops.watch([Watch(0x600, 1, reads=reads, writes=writes)])
        seen = []
        while machine.partition.run(UNLIMITED) is None:
            assert stops.stop is not None
            assert stops.stop.cause is Cause.ACCESS
            seen.append(machine.insns)
        met[reads, writes] = seen
        assert machine.insns == 8
    assert met == {(False, True): [3], (True, False): [4, 6], (True, True): [3, 4, 6]}


@pytest.mark.usefixtures("accelerator")
def test_a_watch_that_is_gone_stops_nothing() -> None:
    machine = flat("again: inc word ptr [0x600]\njmp again")
    stops = machine.partition.vp.debug()
    stops.watch([Watch(0x600, 2, reads=False, writes=True)])
    assert machine.partition.run(UNLIMITED) is None
    stops.watch([])
    machine.partition.run(5000)
    assert stops.stop is None
    assert machine.insns >= 5000


@pytest.mark.usefixtures("accelerator")
def test_firmware_in_rom_can_be_stepped() -> None:
    machine = boot_sector("mov al, 0\nout 0xf4, al")
    addresses, _ = steps(machine, 40)
    machine.partition.run(10_000)
    machine.partition.vp.debug().hold()
    again, _ = steps(machine, 40)
    assert all(0xF0000 <= address < 0x100000 for address in addresses + again)
    assert len(set(addresses)) > 20


STORES = LONG_BLOCKS.replace("inc bx", "mov word ptr [0x5004], bx")


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("source", [LONG_BLOCKS, STORES], ids=["registers", "stores"])
def test_long_blocks_end_where_they_would_have_ended_while_memory_is_watched(source: str) -> None:
    plain = flat(source)
    result = to_json(make_result(plain, plain.run()))
    watched = flat(source)
    stops = watched.partition.vp.debug()
    stops.watch([Watch(0x5000, 2, reads=False, writes=True)])
    met = 0
    while (end := watched.partition.run(UNLIMITED)) is None:
        assert stops.stop is not None
        assert stops.stop.cause is Cause.ACCESS
        met += 1
    assert met == int.from_bytes(plain.partition.memory.read(0x5000, 2), "little") > 20
    assert to_json(make_result(watched, end)) == result
    stepped = flat(source)
    stepped.partition.vp.debug().watch([Watch(0x6000, 2, reads=False, writes=True)])
    end = steps(stepped, 3000)[1] or stepped.run()
    assert to_json(make_result(stepped, end)) == result
