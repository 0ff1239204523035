"""Traces: what is in them is what was counted, and they follow the rules of their format."""

from pathlib import Path

import pytest

from hv.config import apply_overrides
from hv.root.machine import Machine
from hv.root.samples import find_sample
from hv.root.schedule import schedule
from hv.root.tracing import traced
from hv.trace import DEFAULT_LIMIT, TraceWriter
from tests.machines import PASS, flat
from tests.root.trace_rules import Trace, outermost, read_trace

SAMPLES = ("ide_irq_read", "ide_dma", "pit_irq", "storvsc_rw", "hv_keyboard", "long_mode")
ONE_CYCLE_AN_INSTRUCTION = "every instruction one cycle"


def sample_machine(name: str) -> Machine:
    sample = find_sample(name)
    config = apply_overrides(sample.machine(), {}, name)
    image = sample.boot_image(config.memory)
    machine = Machine(config, image, media=sample.media(), scsi_media=sample.scsi_media())
    machine.hand.play(sample.typed())
    schedule(machine, sample.deeds(), lambda _text: None)
    return machine


def trace_of(
    machine: Machine,
    path: Path,
    insns: int = 10_000_000,
    *,
    limit: int = DEFAULT_LIMIT,
    last: int | None = None,
) -> Trace:
    with TraceWriter.to(path, limit=limit, last=last) as writer, traced(machine, writer):
        machine.run(insns)
    return read_trace(path)


@pytest.mark.parametrize("name", SAMPLES)
def test_virtual_time_is_all_in_the_trace(name: str, tmp_path: Path) -> None:
    """Instructions, RDTSC, exits with their device work, injections, a timer's device work, halts."""
    machine = sample_machine(name)
    trace = trace_of(machine, tmp_path / "trace")
    vp = machine.partition.vp
    spent = sum(
        row.duration
        for process, track in trace.tracks
        if process != "VMBus" and track not in ("state", "marks") and not track.startswith("IRQ ")
        for row in outermost(trace.slices(process, track))
    )
    model = machine.pricing.model
    assert model.cpi()[1] == 1024, ONE_CYCLE_AN_INSTRUCTION
    rdtsc = vp.rdtsc_exits * model.rdtsc()
    assert machine.vtime_ns == machine.insns + rdtsc + spent + vp.idle_ns


@pytest.mark.parametrize("name", SAMPLES)
def test_the_processor_runs_or_is_halted_all_the_time(name: str, tmp_path: Path) -> None:
    machine = sample_machine(name)
    trace = trace_of(machine, tmp_path / "trace")
    at = 0
    for row in trace.slices("processor", "state"):
        assert row.begin == at
        at = row.end
    assert at == machine.vtime_ns


def test_halts_are_the_idle_time(tmp_path: Path) -> None:
    machine = sample_machine("pit_irq")
    states = trace_of(machine, tmp_path / "trace").slices("processor", "state")
    assert {row.name for row in states} == {"running", "halted"}
    idle = machine.partition.vp.idle_ns
    assert sum(row.duration for row in states if row.name == "halted") == idle > 0


@pytest.mark.parametrize("name", SAMPLES)
def test_every_exit_and_every_injection_is_a_slice(name: str, tmp_path: Path) -> None:
    machine = sample_machine(name)
    trace = trace_of(machine, tmp_path / "trace")
    exits = sum(
        "rip" in row.arguments
        for process, track in trace.tracks
        for row in trace.slices(process, track)
    )
    injected = len(trace.slices("processor", "interrupts"))
    assert exits + injected == machine.partition.vp.exits.total
    assert trace.dropped == 0


def test_the_same_run_gives_the_same_bytes_on_both_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for number, accelerated in enumerate("110"):
        monkeypatch.setenv("HV_ACCEL", accelerated)
        path = tmp_path / str(number)
        trace_of(sample_machine("storvsc_rw"), path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] == contents[2]


def test_tracing_changes_nothing(tmp_path: Path) -> None:
    plain, watched = sample_machine("storvsc_rw"), sample_machine("storvsc_rw")
    plain.run()
    trace_of(watched, tmp_path / "trace")
    assert plain.state_hash() == watched.state_hash()


def test_device_work_lies_inside_the_exit_that_caused_it(tmp_path: Path) -> None:
    machine = sample_machine("storvsc_rw")
    rows = trace_of(machine, tmp_path / "trace").slices("devices", "hypervisor")
    signals = [row for row in rows if row.name == "hypercall HvCallSignalEvent scsi"]
    work = [row for row in rows if row.name.startswith("scsi: ")]
    counts = machine.partition.vp.exits.work()
    assert len(work) == sum(counts[key].requests for key in counts if key.device == "scsi")
    for row in work:
        assert any(signal.begin < row.begin < row.end <= signal.end for signal in signals)


def test_channels_have_their_packets_and_signals(tmp_path: Path) -> None:
    machine = sample_machine("storvsc_rw")
    trace = trace_of(machine, tmp_path / "trace")
    assert machine.synthetic is not None
    for channel in machine.synthetic.bus.inspect().channels:
        names = [row.name for row in trace.instants("VMBus", channel.name)]
        counters = channel.counters
        assert names.count("packet in") == counters.packets_in
        assert names.count("packet out") == counters.packets_out
        assert names.count("signal in") == counters.signals_in
        assert names.count("signal out") == counters.signals_out
    packets = [row for row in trace.instants("VMBus", "scsi") if row.name == "packet in"]
    storage = machine.synthetic.bus.inspect().channels[0].counters
    assert sum(int(str(row.arguments["bytes"])) for row in packets) == storage.bytes_in > 0


def test_a_ring_fills_when_the_guest_signals_and_empties_when_the_device_reads(
    tmp_path: Path,
) -> None:
    trace = trace_of(sample_machine("storvsc_rw"), tmp_path / "trace")
    filled = [row.arguments["in"] for row in trace.counters("VMBus", "scsi")]
    first = next(row for row in trace.instants("VMBus", "scsi") if row.name == "packet in")
    assert filled[0] == first.arguments["bytes"]
    assert filled[-1] == 0


def test_an_interrupt_line_an_injection_and_the_exit_that_acknowledges_it(tmp_path: Path) -> None:
    trace = trace_of(sample_machine("ide_irq_read"), tmp_path / "trace")
    line = trace.slices("devices", "IRQ 14")
    injections = [
        row for row in trace.slices("processor", "interrupts") if row.name == "vector 0x76"
    ]
    assert len(line) == len(injections) > 0
    for high, injected in zip(line, injections, strict=True):
        assert injected.arguments["by"] == "root"
        assert high.begin <= injected.begin < high.end
    status = [row for row in trace.slices("devices", "ata0") if row.name == "port_read port 0x01f7"]
    assert {row.end for row in line} <= {row.end for row in status}


def test_a_port_is_named_by_who_answers_it_at_the_time(tmp_path: Path) -> None:
    """Command register of the IDE function (00:01.1): with bit 0 it decodes its ports, without it none."""
    command = "mov eax, 0x80000904\nmov dx, 0xcf8\nout dx, eax\nmov dx, 0xcfc\n"
    status = "mov dx, 0x1f7\nin al, dx\n"
    source = f"{status}{command}mov ax, 0\nout dx, ax\n{status}{PASS}"
    trace = trace_of(flat(source), tmp_path / "trace")
    name = "port_read port 0x01f7"
    asked = {
        track: [row.name for row in trace.slices("devices", track)] for track in trace.of("devices")
    }
    assert asked["ata0"] == asked["open bus"] == [name]


def test_exits_name_the_code_that_made_them(tmp_path: Path) -> None:
    trace = trace_of(sample_machine("ide_irq_read"), tmp_path / "trace")
    ends = trace.slices("devices", "debug exit")
    assert [str(row.arguments["symbol"]).split("+")[0] for row in ends] == ["check_sector"]
    assert ends[0].arguments["cpl"] == 0


def test_marks_are_instants(tmp_path: Path) -> None:
    machine = flat(f"mov dx, 0x5a0\nmov ax, 7\nout dx, ax\nmov ax, 9\nout dx, ax\n{PASS}")
    trace = trace_of(machine, tmp_path / "trace")
    marks = trace.instants("processor", "marks")
    assert [row.name for row in marks] == ["mark 0x7", "mark 0x9"]
    assert [row.begin for row in marks] == [mark.moment.vtime_ns for mark in machine.marks]


def test_a_limit_keeps_the_first_events(tmp_path: Path) -> None:
    whole = trace_of(sample_machine("storvsc_rw"), tmp_path / "whole")
    part = trace_of(sample_machine("storvsc_rw"), tmp_path / "part", limit=100)
    assert (part.events, part.dropped) == (100, whole.events - 100)
    for place, rows in part.tracks.items():
        assert whole.tracks[place][: len(rows)] == rows


@pytest.mark.parametrize("last", [0, 1, 50])
def test_the_last_events_are_those_of_the_whole_trace(last: int, tmp_path: Path) -> None:
    whole = trace_of(sample_machine("storvsc_rw"), tmp_path / "whole")
    part = trace_of(sample_machine("storvsc_rw"), tmp_path / "part", last=last)
    assert (part.events, part.dropped) == (last, whole.events - last)
    for place, rows in part.tracks.items():
        assert whole.tracks[place][-len(rows) :] == rows


@pytest.mark.parametrize("insns", [1, 20_000, 60_000])
def test_a_run_that_is_cut_leaves_a_whole_file(insns: int, tmp_path: Path) -> None:
    machine = sample_machine("ide_irq_read")
    trace = trace_of(machine, tmp_path / "trace", insns)
    states = trace.slices("processor", "state")
    assert sum(row.duration for row in states) == machine.vtime_ns


def test_a_run_that_breaks_leaves_a_whole_file(tmp_path: Path) -> None:
    machine = sample_machine("ide_irq_read")

    def broken() -> bool:
        raise RuntimeError("a bug")

    path = tmp_path / "trace"
    with (
        pytest.raises(RuntimeError, match="a bug"),
        TraceWriter.to(path) as writer,
        traced(machine, writer),
    ):
        machine.run(slice_insns=30_000, between=broken)
    assert read_trace(path).events > 0


def test_a_machine_may_go_on_when_its_trace_has_ended(tmp_path: Path) -> None:
    machine, path = sample_machine("ide_irq_read"), tmp_path / "trace"
    before = trace_of(machine, path, 20_000)
    machine.run()
    assert read_trace(path) == before


def test_a_guest_cannot_make_tracks(tmp_path: Path) -> None:
    """Six thousand MSRs that there are not: an exit each, all on one track."""
    tried = 6000
    source = f"""
    mov word ptr [13 * 4], offset no_msr
    mov word ptr [13 * 4 + 2], 0
    mov ecx, 0x12345000
    mov ebx, {tried}
again:
    rdmsr
next:
    inc ecx
    dec ebx
    jnz again
    {PASS}
no_msr:
    mov bp, sp
    mov word ptr [bp], offset next
    iret
"""
    trace = trace_of(flat(source), tmp_path / "trace")
    assert [len(trace.slices("devices", track)) for track in trace.of("devices")] == [tried, 1]
