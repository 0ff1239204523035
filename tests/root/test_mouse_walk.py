"""A mouse's walk in short becomes the events that a hand plays."""

from hv.root.mouse_hand import MouseEvent
from hv.root.mouse_walk import MouseWalk

WALK = MouseWalk(first_ms=100, every_ms=20, rounds=2, steps=((9, -4), 1, (-3, 2), 0))


def test_steps_come_at_a_regular_pace_round_after_round() -> None:
    assert [event.at_ms for event in WALK.events()] == [100, 120, 140, 160, 180, 200, 220, 240]


def test_a_move_is_one_for_a_ps2_mouse_and_the_place_it_leads_to_for_a_synthetic_one() -> None:
    moves = [event for event in WALK.events() if event.buttons is None]
    assert [(move.dx, move.dy) for move in moves] == [(9, -4), (-3, 2), (9, -4), (-3, 2)]
    assert [(move.x, move.y) for move in moves] == [(9, 4), (6, 2), (15, 6), (12, 4)]


def test_a_number_is_the_buttons_that_are_held_from_then_on() -> None:
    clicks = [event for event in WALK.events() if event.buttons is not None]
    assert clicks[:2] == [MouseEvent(120, buttons=1), MouseEvent(160, buttons=0)]
