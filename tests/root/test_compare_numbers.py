"""Numbers for people: enough digits to compare, no more."""

import pytest

from hv.root.compare.chart import Scale
from hv.root.compare.numbers import PerUnit, percent, ratio_text, short, short_round


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (2.5, "2.500"),
        (12.25, "12.25"),
        (999.96, "1,000"),
        (4352, "4,352"),
        (9999, "9,999"),
        (10_000, "10.00 k"),
        (12_345_678, "12.35 M"),
        (999_940, "999.9 k"),
        (999_960, "1.000 M"),
        (65_280_000_000, "65.28 G"),
    ],
)
def test_large_numbers_keep_four_digits(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.00"), (0.3124, "0.312"), (0.0041, "0.0041"), (12.345, "12.3"), (1234.5, "1,234")],
)
def test_ratios_keep_three(value: float, text: str) -> None:
    assert ratio_text(value) == text


def test_what_is_there_is_never_nothing() -> None:
    assert [percent(part, 1000) for part in (0, 1, 8, 310, 1000)] == [
        "0%",
        "< 1%",
        "1%",
        "31%",
        "100%",
    ]
    assert percent(0, 0) == "0%"


def test_round_numbers_lose_their_noughts() -> None:
    assert [short_round(value) for value in (0.0, 0.1, 200.0, 1e4, 5e5, 1e9)] == [
        "0",
        "0.1",
        "200",
        "10 k",
        "500 k",
        "1 G",
    ]


def scale(*values: float) -> Scale:
    return Scale.over([PerUnit(value, value, value) for value in values])


def test_a_scale_starts_at_nothing_while_it_can() -> None:
    axis = scale(2000, 7400)
    assert (axis.log, axis.ticks) == (False, (0, 2000, 4000, 6000, 8000))
    assert [axis.at(value) for value in (0, 2000, 8000)] == [0, 0.25, 1]


def test_a_scale_is_logarithmic_from_a_decade_on() -> None:
    axis = scale(20, 200)
    assert (axis.log, axis.ticks) == (True, (10, 100, 1000))
    assert axis.at(100) == 0.5
    assert axis.at(0) == 0


def test_no_scale_has_more_names_than_a_telephone_is_wide() -> None:
    for exponent in range(1, 15):
        axis = scale(3, 3 * 10.0**exponent)
        assert 2 <= len(axis.ticks) <= 6
        assert axis.at(3 * 10.0**exponent) <= 1
    for value in (1, 1.3, 2, 4.9, 5, 7.7, 9.99, 123, 9.99e8):
        axis = scale(value)
        assert 2 <= len(axis.ticks) <= 6
        assert axis.ticks[-1] == axis.high >= value


def test_work_that_costs_nothing_has_a_scale() -> None:
    assert scale(0).at(0) == 0
