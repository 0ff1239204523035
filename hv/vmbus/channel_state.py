"""The states of an offered channel and what may move it from one to the next.

A pair that is not in the table is the guest's protocol error: nothing moves, and the bus answers with a
failure where the message has an answer at all.
"""

from enum import Enum


class ChannelState(Enum):
    UNOFFERED = "unoffered"
    """On the bus, but the guest has not been told."""
    CLOSED = "closed"
    """Offered; the guest may open it."""
    OPEN = "open"
    BROKEN = "broken"
    """Open as far as the guest knows, but it broke a rule: nothing moves until it closes the channel."""
    RESCINDED = "rescinded"
    """Taken back; the relid is the guest's until it releases it."""


class ChannelEvent(Enum):
    OFFER = "offer"
    OPEN = "open"
    CLOSE = "close"
    MODIFY = "modify"
    CREATE_GPADL = "create GPADL"
    TEAR_DOWN_GPADL = "tear down GPADL"
    BREAK = "break"
    RESCIND = "rescind"
    RELEASE = "release relid"


_S = ChannelState
_E = ChannelEvent

TRANSITIONS: dict[tuple[ChannelState, ChannelEvent], ChannelState] = {
    (_S.UNOFFERED, _E.OFFER): _S.CLOSED,
    #
    (_S.CLOSED, _E.OPEN): _S.OPEN,
    (_S.CLOSED, _E.CREATE_GPADL): _S.CLOSED,
    (_S.CLOSED, _E.TEAR_DOWN_GPADL): _S.CLOSED,
    (_S.CLOSED, _E.RESCIND): _S.RESCINDED,
    #
    (_S.OPEN, _E.CLOSE): _S.CLOSED,
    (_S.OPEN, _E.MODIFY): _S.OPEN,
    (_S.OPEN, _E.CREATE_GPADL): _S.OPEN,
    (_S.OPEN, _E.TEAR_DOWN_GPADL): _S.OPEN,
    (_S.OPEN, _E.BREAK): _S.BROKEN,
    (_S.OPEN, _E.RESCIND): _S.RESCINDED,
    #
    (_S.BROKEN, _E.CLOSE): _S.CLOSED,
    (_S.BROKEN, _E.MODIFY): _S.BROKEN,
    (_S.BROKEN, _E.CREATE_GPADL): _S.BROKEN,
    (_S.BROKEN, _E.TEAR_DOWN_GPADL): _S.BROKEN,
    (_S.BROKEN, _E.RESCIND): _S.RESCINDED,
    # A guest that was told still closes and tears down what it had.
    (_S.RESCINDED, _E.CLOSE): _S.RESCINDED,
    (_S.RESCINDED, _E.TEAR_DOWN_GPADL): _S.RESCINDED,
    (_S.RESCINDED, _E.RELEASE): _S.UNOFFERED,
}


def step(state: ChannelState, event: ChannelEvent) -> ChannelState | None:
    """The next state, or None: ``event`` has no business in ``state``."""
    return TRANSITIONS.get((state, event))
