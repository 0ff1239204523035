"""Pairs in worker processes: order, errors, and that the number of workers does not show."""

import os

import pytest

from hv.errors import ConfigError, InternalError
from hv.root.compare.pool import processors, run_all
from hv.root.comparison import WorkReport
from hv.root.pairs import Pair
from tests.comparisons import made_up_run, pair

PAIRS = [pair(name) for name in ("slow", "one", "two", "three")]


def run_slow_first(pair: Pair, cost_model: str | None) -> WorkReport:
    """The first pair takes longer than the others."""
    if pair.name == "slow":
        sum(range(5_000_000))
    return made_up_run(pair, cost_model)


def refuse(pair: Pair, cost_model: str | None) -> WorkReport:
    if pair.name == "slow":
        sum(range(5_000_000))
    raise ConfigError(f"@{pair.name}: no, by {cost_model}", usage=pair.name == "slow")


def die(pair: Pair, cost_model: str | None) -> WorkReport:
    os._exit(1)


@pytest.mark.parametrize("jobs", [1, 2, 9])
def test_results_come_in_the_order_of_the_pairs(jobs: int) -> None:
    calls: list[None] = []
    reports = run_all(PAIRS, None, jobs=jobs, run=run_slow_first, done=lambda: calls.append(None))
    assert [report.work for report in reports] == ["slow", "one", "two", "three"]
    assert reports == [made_up_run(each, None) for each in PAIRS]
    assert len(calls) == len(PAIRS)


@pytest.mark.parametrize("jobs", [1, 2])
def test_of_several_errors_the_first_pairs_is_told(jobs: int) -> None:
    with pytest.raises(ConfigError, match="@slow: no, by cheap") as failure:
        run_all(PAIRS, "cheap", jobs=jobs, run=refuse)
    assert failure.value.usage


def test_a_worker_that_dies_is_our_bug() -> None:
    with pytest.raises(InternalError, match="worker process died at or before @"):
        run_all(PAIRS, None, jobs=2, run=die)


def test_there_is_a_processor() -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)


def test_nothing_to_run_is_nothing() -> None:
    assert run_all([], None, jobs=4, run=made_up_run) == []
