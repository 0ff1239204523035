"""Time synchronization: tells the guest what time it is.

Follows Linux's driver (drivers/hv/hv_util.c; ictimesync_data, ictimesync_ref_data in include/linux/hyperv.h):
versions 1.0, 3.0 and 4.0. The first message sets the guest's clock, the later ones are samples that it may
use. From 4.0 on a message says at which partition reference time it was made, so the guest can make up
for its way. A guest that does not answer gets no more samples until it does. Left out: NTP's leap
indicator and stratum (0), the round trip time of older versions (0: it takes none).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from struct import Struct
from uuid import UUID

from hv.interfaces import Clock
from hv.types import NS_PER_SECOND
from hv.vmbus.service import Offer
from hv_devices.synthetic.ic_protocol import MessageType, Version
from hv_devices.synthetic.ic_service import IcService, IcState, Phase, set_deadline

OFFER = Offer(
    "timesync",
    UUID("9527e630-d0ae-497b-adce-e80ab0175caf"),
    UUID("2dd1ce17-079e-403c-b352-a1921ee207ee"),
    pipe=True,
)
WITH_REFERENCE = Version(4, 0)
VERSIONS = (Version(1, 0), Version(3, 0), WITH_REFERENCE)
INTERVAL_NS = 5 * NS_PER_SECOND

SECONDS_FROM_1601_TO_1970 = 11_644_473_600
_NS_PER_TICK = 100
_TICKS_PER_SECOND = NS_PER_SECOND // _NS_PER_TICK


class Purpose(IntFlag):
    """The flags of a message."""

    SYNC = 1 << 0
    """Set your clock."""
    SAMPLE = 1 << 1
    """Just so that you know."""


_BODY = Struct("<QQQB3x")  # host time, child time, round trip time, flags
_BODY_WITH_REFERENCE = Struct("<QQBBB5x")  # host time, reference time, flags, leap, stratum

_SYNC, _SAMPLE = Purpose.SYNC.value, Purpose.SAMPLE.value


@dataclass
class State(IcState):
    due: int = 0
    """Flags of a message that has not left yet; it is written when it does."""
    next_sample: int | None = None
    sent: int = 0
    answered: int = 0


class TimeSync(IcService[State]):
    """A speaking clock: virtual time 0 is ``epoch_seconds`` after 1970-01-01 00:00 UTC.

    ``reference_time`` is the counter that the guest reads as partition reference time, in 100 ns.
    """

    def __init__(self, clock: Clock, epoch_seconds: int, reference_time: Callable[[], int]) -> None:
        super().__init__(OFFER, MessageType.TIME_SYNC, VERSIONS, State)
        self._clock = clock
        self._epoch = (epoch_seconds + SECONDS_FROM_1601_TO_1970) * _TICKS_PER_SECOND
        self._reference_time = reference_time
        self._timer = clock.timer(self._on_interval)

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {**super().inspect(), "sent": state.sent, "answered": state.answered}

    def _on_interval(self) -> None:
        state = self.state
        state.due = state.due or _SAMPLE
        state.next_sample = self._clock.now() + INTERVAL_NS
        self._settle()

    def _on_answer(self, status: int, body: bytes) -> None:
        self.state.answered += 1

    def _settle(self) -> None:
        state = self.state
        if state.phase is Phase.READY and state.next_sample is None:
            state.due = _SYNC
            state.next_sample = self._clock.now() + INTERVAL_NS
        if state.due and self._ask(self._body(state.due)):
            state.due = 0
            state.sent += 1
        set_deadline(self._timer, state.next_sample)

    def _body(self, flags: int) -> bytes:
        host_time = self._epoch + self._clock.now() // _NS_PER_TICK
        if self.state.agreed.version >= WITH_REFERENCE:
            return _BODY_WITH_REFERENCE.pack(host_time, self._reference_time(), flags, 0, 0)
        return _BODY.pack(host_time, 0, 0, flags)
