"""Repetitions in a row: shown once, none lost."""

from hypothesis import given
from hypothesis import strategies as st

from hv.root.fold import Fold, folds, round_of

BLOCKS = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=5), st.integers(1, 9)), max_size=6
).map(lambda parts: "".join(text * times for text, times in parts))


@given(BLOCKS)
def test_folds_hold_every_event_in_order(text: str) -> None:
    found = folds(text)
    assert "".join(text[at : at + size] * times for at, size, times in found) == text
    assert [fold.start for fold in found] == sorted({fold.start for fold in found})


def test_a_run_is_one_fold_and_what_is_around_it_stays() -> None:
    assert folds("xyz" + "abcde" * 7 + "ab") == [Fold(0, 3, 1), Fold(3, 5, 7), Fold(38, 2, 1)]


def test_a_short_run_is_not_worth_folding() -> None:
    assert folds("xaaaay") == [Fold(0, 6, 1)]
    assert folds("xaaaaaay") == [Fold(0, 1, 1), Fold(1, 1, 6), Fold(7, 1, 1)]


@given(st.text("ab", max_size=6), st.integers(1, 5))
def test_a_round_repeated_gives_the_whole(text: str, times: int) -> None:
    whole = text * times
    size = round_of(whole)
    assert whole == (whole[:size] * (len(whole) + 1))[: len(whole)]
    if times > 1:
        assert size <= max(len(text), 0)


def test_what_does_not_come_twice_is_one_round() -> None:
    assert round_of("abcab") == 5
    assert round_of("abcabc") == 3
    assert round_of("") == 0
