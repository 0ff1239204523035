"""Every path of every matched pair does its work, all with the same outcome, and its own watch is right."""

import pytest

from hv.root.comparison import WorkReport
from hv.root.pair_run import run_pair
from hv.root.pairs import all_pairs

UNCOUNTED = "0" * 8

PAIRS = {pair.name: pair for pair in all_pairs()}


@pytest.fixture(scope="module", params=PAIRS)
def report(request: pytest.FixtureRequest) -> WorkReport:
    """One run of each path for all tests of this module."""
    return run_pair(PAIRS[request.param])


def test_all_paths_do_the_same_work_and_the_guests_clock_is_the_reports(report: WorkReport) -> None:
    assert [path.path for path in report.paths] == list(PAIRS[report.work].path)
    for path in report.paths:
        assert path.checksum != UNCOUNTED
        assert path.guest_cycles == path.elapsed


def test_every_cycle_has_a_cause(report: WorkReport) -> None:
    for path in report.paths:
        assert sum(cause.cycles.typical for cause in path.causes) == path.cycles.typical
        assert path.cycles.low < path.cycles.typical < path.cycles.high
        assert path.cycles.typical <= path.elapsed
