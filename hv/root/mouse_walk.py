"""A walk of the mouse: steps at a regular pace, for mice that know moves and for those that know places."""

import msgspec

from hv.root.mouse_hand import MouseEvent


class MouseWalk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``steps``, taken ``rounds`` times, the first at ``first_ms`` of virtual time since power-on.

    A step is a move, right and up, or the buttons that are held from then on. Places are counted from the
    upper left corner, where the synthetic mouse begins; a walk must stay to the right of it and below.
    """

    first_ms: int
    every_ms: int
    rounds: int
    steps: tuple[tuple[int, int] | int, ...]

    def events(self) -> tuple[MouseEvent, ...]:
        """One event a step, each of which makes one report."""
        events: list[MouseEvent] = []
        x = y = 0
        for index, step in enumerate(self.steps * self.rounds):
            at_ms = self.first_ms + index * self.every_ms
            if isinstance(step, int):
                events.append(MouseEvent(at_ms, buttons=step))
                continue
            dx, dy = step
            x, y = x + dx, y - dy
            events.append(MouseEvent(at_ms, dx, dy, x, y))
        return tuple(events)
