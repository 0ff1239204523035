"""Every path of every matched pair does its work, all with the same outcome, and its own watch is right."""

import pytest

from hv.root.pair_run import run_pair
from hv.root.pairs import Pair, all_pairs

UNCOUNTED = "0" * 8


@pytest.mark.parametrize("pair", all_pairs(), ids=lambda pair: pair.name)
def test_all_paths_do_the_same_work_and_the_guests_clock_is_the_reports(pair: Pair) -> None:
    report = run_pair(pair)
    assert [path.path for path in report.paths] == list(pair.path)
    for path in report.paths:
        assert path.checksum != UNCOUNTED
        assert path.guest_cycles == path.elapsed


@pytest.mark.parametrize("pair", all_pairs(), ids=lambda pair: pair.name)
def test_every_cycle_has_a_cause(pair: Pair) -> None:
    for path in run_pair(pair).paths:
        assert sum(cause.cycles.typical for cause in path.causes) == path.cycles.typical
        assert path.cycles.low < path.cycles.typical < path.cycles.high
        assert path.cycles.typical <= path.elapsed
