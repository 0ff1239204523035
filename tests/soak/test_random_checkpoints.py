"""A few of the soak's random checkpoints for every day; and the soak finds what is not alike."""

from pathlib import Path

import pytest

from hv.root.machine import Machine
from tests.soak.checkpoints import Guest, check, own_guests, run_checkpoints, shares
from tests.soak.dice import Dice
from tests.soak.guests import power_on
from tests.soak.linux import boots

SEED = "every day"
DRAWN = 12


@pytest.mark.parametrize(
    ("guest", "count"),
    [pytest.param(*drawn, id=drawn[0].name) for drawn in shares(own_guests(), DRAWN, Dice(SEED))],
)
def test_a_guest_restored_anywhere_ends_the_same(guest: Guest, count: int, tmp_path: Path) -> None:
    tally = check(guest, count, Dice(guest.name), tmp_path)
    assert tally.troubles == ()
    assert tally.points == tally.fixed == tally.equal == count


@pytest.mark.linux
def test_linux_restored_anywhere_ends_the_same(tmp_path: Path) -> None:
    dice = Dice(SEED)
    with boots() as guests:
        ((guest, count),) = shares(guests, 1, dice)
        assert check(guest, count, dice, tmp_path).troubles == ()


def test_places_are_the_same_for_a_seed_and_others_for_another() -> None:
    def drawn(seed: str) -> list[tuple[str, int]]:
        return [(guest.name, count) for guest, count in shares(own_guests(), 200, Dice(seed))]

    assert drawn("a") == drawn("a") != drawn("b")
    assert sum(count for _, count in drawn("a")) == 200
    assert len(drawn("a")) == len(own_guests())


def test_an_end_that_differs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    starts: list[Machine] = []

    def start() -> Machine:
        machine = power_on("hello")
        machine.partition.memory.write(0x9000, bytes([len(starts)]))
        starts.append(machine)
        return machine

    guest = Guest("hello", start, 1_000_000)
    troubles = run_checkpoints([(guest, 2)], "title", Dice(1), tmp_path)
    assert [trouble.rpartition(" it ")[2] for trouble in troubles] == ["ends otherwise"] * 2
    assert "2 gave the same bytes again, 0 the same end" in capsys.readouterr().out
