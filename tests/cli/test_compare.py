"""``hv compare`` as a person meets it: tables, files, one line for every kind of bad input."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from msgspec.structs import replace

from hv.cli import compare, compare_table, main
from hv.errors import ConfigError
from hv.root.comparison import WorkReport
from hv.root.pairs import Pair
from tests.comparisons import TICK, comparison, made_up_run, many, pair, work_report

NAMES = ("disk-read:4K", "disk-read:64K", "tick")


def some(patterns: list[str], linux: Path | None = None) -> list[Pair]:
    bare = [pattern.removeprefix("@") for pattern in patterns or ["*"]]
    found = [name for name in NAMES if any(fnmatchcase(name, each) for each in bare)]
    if not found:
        raise ConfigError(f"no pair {patterns[0]}", usage=True)
    return [pair(name) for name in found]


def refuse(pair: Pair, cost_model: str | None) -> WorkReport:
    raise ConfigError(f"@{pair.name}: its disk is gone")


@dataclass(frozen=True)
class Said:
    """What one command line gave."""

    code: int
    out: str
    err: str


Hv = Callable[..., Said]


@pytest.fixture
def hv(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., Said]:
    """Runs a command line on made-up pairs."""
    monkeypatch.setattr(compare, "find_works", some)
    monkeypatch.setattr(compare, "list_works", some)
    monkeypatch.setattr(compare, "run_work", made_up_run)
    monkeypatch.setattr(compare, "model_name", lambda _wanted: "made-up.1")

    def run(*arguments: str | Path) -> Said:
        with pytest.raises(SystemExit) as end:
            main(["compare", *map(str, arguments)])
        assert isinstance(end.value.code, int)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Said(end.value.code, out.decode(), err.decode())

    return run


def test_the_table_goes_to_stdout_and_nothing_to_a_stderr_that_is_no_terminal(hv: Hv) -> None:
    said = hv("@disk-read:4K", "--jobs", "1")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "disk-read:4K: The pair disk-read:4K"
    row = next(line for line in lines if line.startswith("pio-polled *"))
    assert row.split()[2:] == [
        *("74,213", "4,352"),
        *("14.44", "M", "29.41", "M", "65.28", "M"),
        *("1.00", "1.00", "1.00"),
    ]
    assert "Cheapest first at low, typical and high figures alike: storvsc-queued" in said.out
    assert "pio-polled      emulated: 2,048 reads of ata0 port 0x01f0 (45% of its" in said.out
    assert "cost model made-up.1" in lines[-1]


def test_all_pairs_run_when_none_is_named(hv: Hv) -> None:
    said = hv("--jobs", "1")
    titles = [line for line in said.out.splitlines() if ": The pair" in line]
    assert [title.split(": ")[0] for title in titles] == list(NAMES)


def test_the_number_of_workers_does_not_show(hv: Hv, tmp_path: Path) -> None:
    outputs = []
    for jobs in ("1", "2", "3"):
        files = [tmp_path / f"{jobs}.{kind}" for kind in ("json", "csv", "html", "svg")]
        flags = [
            part
            for flag, file in zip(("--json", "--csv", "--html", "--plot"), files, strict=True)
            for part in (flag, str(file))
        ]
        said = hv("--jobs", jobs, *flags)
        assert said.code == 0, said.err
        outputs.append((said.out, *(file.read_bytes() for file in files)))
    assert outputs[0] == outputs[1] == outputs[2]
    assert json.loads(outputs[0][1])["schema"] == "hv.compare/1"


def test_a_dash_puts_the_file_in_place_of_the_table(hv: Hv) -> None:
    assert [work["work"] for work in json.loads(hv("--json", "-").out)["works"]] == list(NAMES)
    assert hv("--csv", "-").out.startswith("cost_model,work,")
    assert hv("tick", "--html", "-").out.startswith("<!DOCTYPE html>")


def test_list_names_pairs_and_their_paths_and_runs_nothing(hv: Hv) -> None:
    said = hv("--list", "disk-*")
    assert said.out.splitlines() == [
        "@disk-read:4K   The pair disk-read:4K (only)",
        "@disk-read:64K  The pair disk-read:64K (only)",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["@nothing"], 2, "no pair @nothing"),
        (["--jobs", "0"], 2, "--jobs takes a number from 1"),
        (["--plot", "chart.gif"], 2, "chart.gif: a chart is a .svg or a .png"),
        (["--json", "-", "--csv", "-"], 2, "only one file can be '-'"),
        (["--json", "nowhere/x.json"], 4, "nowhere/x.json: no folder to write to"),
        (["tick", "--html", "."], 4, ".: Is a directory"),
        (["--depth", "3"], 2, "--depth"),
    ],
)
def test_a_mistake_is_one_line(hv: Hv, arguments: list[str], code: int, message: str) -> None:
    said = hv(*arguments)
    assert said.code == code
    assert message in said.err
    assert len(said.err.splitlines()) == 1


def test_a_mistake_is_found_before_anything_runs(
    hv: Hv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compare, "run_work", refuse)
    assert "no folder" in hv("--csv", tmp_path / "nowhere" / "x.csv").err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = hv("--plot", tmp_path / "x.svg")
    assert (said.code, len(said.err.splitlines())) == (4, 1)
    assert "hv-emulator[plot]" in said.err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_a_worker_finds_wrong_is_one_line(
    hv: Hv, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    monkeypatch.setattr(compare, "run_work", refuse)
    said = hv("--jobs", jobs)
    assert (said.code, said.out) == (4, "")
    assert said.err == "hv: @disk-read:4K: its disk is gone\n"


def test_a_terminal_sees_how_far_it_is(hv: Hv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert "comparing" in hv("--jobs", "1").err
    assert hv("--jobs", "1", "--quiet").err == ""


def test_help_names_every_flag() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "hv", "compare", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    for flag in ("--list", "--jobs", "--json", "--csv", "--plot", "--html", "--cost-model"):
        assert flag in run.stdout


# The table


def heavy() -> WorkReport:
    """Numbers as wide as they come, for hundreds of units."""
    work = work_report("idle", units=300, unit="second")
    paths = [replace(path, insns=98_765_432, exits=1_234_567) for path in work.paths]
    return replace(work, paths=paths)


@pytest.mark.parametrize("width", [100, 120])
def test_the_table_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setattr(compare_table, "_PLAIN_WIDTH", width)
    compare_table.print_comparison(comparison(*many(12).works, heavy()))
    out = capsys.readouterr().out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= width


def test_several_workloads_end_in_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    tick = work_report("tick", paths=TICK, unit="tick", units=1000)
    compare_table.print_comparison(comparison(work_report("disk"), tick))
    out = capsys.readouterr().out
    lines = out[out.index("All workloads") :].splitlines()
    disk, ticks = (
        next(line for line in lines if line.startswith(name)).split() for name in ("disk", "tick ")
    )
    assert disk[:5] == ["disk", "pio-polled", "storvsc-queued", "yes", "MiB"]
    assert disk[5:] == ["29.41", "M", "1.072", "M", "0.0011", "0.0365", "0.0328"]
    assert ticks[:7] == ["tick", "i8254-i8259a", "stimer-direct", "yes", "tick", "13.96", "k"]
    compare_table.print_comparison(comparison(tick))
    assert "All workloads" not in capsys.readouterr().out


def test_the_table_divides_by_the_units(capsys: pytest.CaptureFixture[str]) -> None:
    work = work_report("tick", paths=TICK, unit="tick", units=1000)
    compare_table.print_comparison(comparison(work))
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[1].split()) == "exits per cycles per tick ratio to the baseline"
    row = next(line for line in lines if line.startswith("stimer-direct"))
    assert row.split()[:6] == ["stimer-direct", "47,000", "1,000", "1", "3,947", "7,447"]


def test_a_title_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    compare_table.print_comparison(comparison(work_report("x", "[bold]odd[/bold] [link]")))
    assert "x: [bold]odd[/bold] [link]" in capsys.readouterr().out
