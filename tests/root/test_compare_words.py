"""What reports say in words: the exits that matter, the conclusions that hold."""

from msgspec.structs import replace

from hv.root.compare.words import (
    beside_sentence,
    exit_words,
    order_of,
    order_sentence,
    sources_sentence,
)
from hv.root.comparison import ExitLine, PathReport, Spread, WorkLine, WorkReport
from tests.comparisons import DISK, TICK, Path, work_report

FREE = Spread(0, 0, 0)


def line(reason: str, device: str, target: str, count: int = 2) -> ExitLine:
    return ExitLine(reason, device, target, "", 1, count, 0, 0, Spread(1, 2, 3))


def path(name: str, work: WorkReport) -> PathReport:
    return next(path for path in work.paths if path.path == name)


def with_cycles(**paths: tuple[int, int, int]) -> WorkReport:
    """A workload whose paths cost (low, typical, high)."""
    work = work_report("x")
    reports = [
        replace(work.paths[0], path=name, cycles=Spread(*cycles)) for name, cycles in paths.items()
    ]
    return replace(work, paths=reports, baseline=reports[0].path)


def test_an_exit_is_told_as_a_person_would() -> None:
    told = {
        line("port_write", "ata0", "port 0x01f6", 2048): "2,048 writes of ata0 port 0x01f6",
        line("port_read", "ata0", "port 0x01f7", 1): "1 read of ata0 port 0x01f7",
        line("mmio_write", "local-apic", "gpa 0xfee000b0"): "2 writes of local-apic gpa 0xfee000b0",
        line("hlt", "processor", ""): "2 halts",
        line("cpuid", "processor", "leaf 0x40000000", 1): "1 CPUID (leaf 0x40000000)",
        line("hypercall", "vmbus", "channel 3"): "2 hypercalls (vmbus channel 3)",
        line("something", "new", ""): "2 something exits (new)",
    }
    assert {each: exit_words(each) for each in told} == told


def test_the_three_dearest_sources_are_named_and_the_rest_counted() -> None:
    assert sources_sentence(path("pio-polled", work_report("x"))) == (
        "2,048 reads of ata0 port 0x01f0 (45% of its cycles), "
        "768 reads of ata0 port 0x01f7 (17% of its cycles), "
        "256 writes of ata0 port 0x01f2 (6% of its cycles) and 1,280 other exits."
    )


def test_sources_are_ranked_by_cycles_not_by_number() -> None:
    few = replace(line("hlt", "processor", "", 5), cycles=Spread(1, 900, 1000))
    many = replace(line("cpuid", "processor", "", 50), cycles=Spread(1, 100, 2000))
    report = replace(
        work_report("x").paths[0], exit_lines=[many, few], cycles=Spread(2, 1000, 3000)
    )
    assert (
        sources_sentence(report) == "5 halts (90% of its cycles) and 50 CPUIDs (10% of its cycles)."
    )


def test_a_free_model_ranks_by_number() -> None:
    lines = [replace(line("hlt", "processor", "", n), cycles=FREE) for n in (1, 3)]
    report = replace(work_report("x").paths[0], exit_lines=lines)
    assert sources_sentence(report) == "3 halts (75% of its exits) and 1 halt (25% of its exits)."


def test_interrupts_and_the_devices_own_work_are_told_beside_the_exits() -> None:
    lines = [
        replace(line("hlt", "processor", "", 3), cycles=Spread(1, 500, 900)),
        replace(line("interrupt", "processor", "vector 0x20", 3), cycles=Spread(1, 200, 900)),
    ]
    report = replace(
        work_report("x").paths[0],
        exit_lines=lines,
        injections=3,
        work_lines=[WorkLine("scsi", 1, 512, Spread(1, 300, 900))],
        cycles=Spread(3, 1000, 2700),
    )
    assert sources_sentence(report) == "3 halts (50% of its cycles)."
    assert beside_sentence(report) == "Beside them: 3 interrupts (20%) and 1 request to scsi (30%)."


def test_a_path_without_exits_says_so() -> None:
    work = work_report("x", paths={"quiet": Path("synthetic", 100, ())})
    assert sources_sentence(work.paths[0]) == "no exits."


def test_an_order_that_holds_for_all_figures_is_said_to_hold() -> None:
    work = with_cycles(slow=(100, 200, 400), fast=(50, 110, 390))
    assert order_sentence(work) == (
        "Cheapest first at low, typical and high figures alike: fast, slow."
    )
    assert order_of(work).holds


def test_ranges_apart_are_more_than_an_order() -> None:
    work = with_cycles(slow=(100, 200, 400), fast=(50, 60, 99))
    assert order_sentence(work).endswith(": fast, slow; even their ranges do not overlap.")


def test_an_order_that_depends_on_the_model_names_who_changes_places() -> None:
    work = with_cycles(a=(10, 20, 90), b=(15, 25, 80), c=(100, 200, 300))
    assert order_sentence(work) == (
        "Cheapest first by the typical figures: a, b, c; "
        "between a and b it depends on the model's figures."
    )
    assert not order_of(work).holds


def test_a_tie_at_one_level_is_no_order() -> None:
    assert not order_of(with_cycles(a=(10, 20, 30), b=(10, 21, 31))).holds


def test_equal_paths_are_called_equal() -> None:
    work = with_cycles(a=(10, 20, 30), b=(10, 20, 30), c=(11, 21, 31))
    assert order_sentence(work).endswith(": a = b, c.")


def test_one_path_has_nothing_beside_it() -> None:
    work = work_report("x", paths={"dma": DISK["dma"]})
    assert order_sentence(work) == "One path: nothing to compare."


def test_the_reports_own_order_does_not_matter() -> None:
    backwards = dict(reversed(TICK.items()))
    names = order_of(work_report("x", paths=TICK)).cheapest_first
    assert order_of(work_report("x", paths=backwards)).cheapest_first == names
