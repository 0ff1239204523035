"""Heartbeat: asks every two seconds whether the guest still lives.

Follows Linux's driver (drivers/hv/hv_util.c, heartbeat_msg_data in include/linux/hyperv.h): versions 1.0 and
3.0. The guest answers with the sequence number plus one. The next beat waits for the answer to the last.
"""

from dataclasses import dataclass
from struct import Struct
from uuid import UUID

from hv.interfaces import Clock
from hv.types import NS_PER_SECOND
from hv.vmbus.service import Offer
from hv_devices.synthetic.ic_protocol import MessageType, Version
from hv_devices.synthetic.ic_service import IcService, IcState, Phase, set_deadline

OFFER = Offer(
    "heartbeat",
    UUID("57164f39-9115-4e78-ab55-382f3bd5422d"),
    UUID("fd149e91-82e0-4a7d-afa6-2a4166cbd7c0"),
    pipe=True,
)
VERSIONS = (Version(1, 0), Version(3, 0))
INTERVAL_NS = 2 * NS_PER_SECOND
LOST_AFTER = 5
"""Beats without an answer until the guest counts as dead."""

_BODY = Struct("<Q32x")  # sequence; room for the answer
_ANSWER = Struct("<QI")  # sequence, application state


@dataclass
class State(IcState):
    sequence: int = 0
    """Of the last beat."""
    acknowledged: int | None = None
    """What the guest made of it: one more."""
    application: int = 0
    """How the guest feels: 0 does not say, 1 healthy, 2 critical, 3 stopped."""
    missed: int = 0
    """Beats in a row that were due while an older one had no answer, or were answered with nothing."""
    due: bool = False
    next_beat: int | None = None


class Heartbeat(IcService[State]):
    """A pulse to take: ``alive``, and ``state`` for more."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(OFFER, MessageType.HEARTBEAT, VERSIONS, State)
        self._clock = clock
        self._timer = clock.timer(self._on_beat)

    @property
    def alive(self) -> bool:
        """Did the guest answer a beat, and not miss too many since?"""
        return self.state.acknowledged is not None and self.state.missed < LOST_AFTER

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {
            **super().inspect(),
            "alive": self.alive,
            "sequence": state.sequence,
            "acknowledged": state.acknowledged,
            "application": state.application,
            "missed": state.missed,
        }

    def _on_beat(self) -> None:
        state = self.state
        if state.due or state.outstanding is not None:
            state.missed += 1
        state.due = True
        state.next_beat = self._clock.now() + INTERVAL_NS
        self._settle()

    def _on_answer(self, status: int, body: bytes) -> None:
        state = self.state
        if len(body) < _ANSWER.size:
            state.missed += 1
        else:
            state.missed = 0
            state.acknowledged, state.application = _ANSWER.unpack_from(body)

    def _settle(self) -> None:
        state = self.state
        if state.phase is Phase.READY and state.next_beat is None:
            state.next_beat = self._clock.now() + INTERVAL_NS
        if state.due and self._ask(_BODY.pack(state.sequence + 1)):
            state.sequence += 1
            state.due = False
        set_deadline(self._timer, state.next_beat)
