"""Shutdown: asks the guest's operating system to power off, restart or hibernate.

Follows Linux's driver (drivers/hv/hv_util.c, shutdown_msg_data in include/linux/hyperv.h): versions 1.0, 3.0,
3.1 and 3.2. The answer says only whether the guest will; the rest goes through ACPI, as when somebody
presses the button. Left out: a time limit for the guest.
"""

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from struct import Struct
from uuid import UUID

from hv.vmbus.service import Offer
from hv_devices.synthetic.ic_protocol import MessageType, Status, Version
from hv_devices.synthetic.ic_service import IcService, IcState, Phase

OFFER = Offer(
    "shutdown",
    UUID("0e0b6031-5213-4934-818b-38d90ced39db"),
    UUID("b6650ff7-33bc-4840-8048-e0676786f393"),
    pipe=True,
)
VERSIONS = (Version(1, 0), Version(3, 0), Version(3, 1), Version(3, 2))


class Action(IntFlag):
    """The flags of a request; none of RESTART and HIBERNATE: power off. Linux forces in any case."""

    FORCE = 1 << 0
    RESTART = 1 << 1
    HIBERNATE = 1 << 2


class Outcome(StrEnum):
    """What became of the last request."""

    NONE = "none"
    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CLOSED = "closed"
    """The channel went before the answer came."""


_PLANNED = 0x80000000  # SHTDN_REASON_FLAG_PLANNED of the Windows SDK
_TEXT_BYTES = 0x800
_BODY = Struct(f"<III{_TEXT_BYTES}s")  # reason, seconds to wait, flags, UTF-16 text


@dataclass
class State(IcState):
    outcome: Outcome = Outcome.NONE
    status: int = Status.OK.value
    """What the guest gave as its reason."""
    due: bytes = b""
    """The body of a request that has not left yet."""


class Shutdown(IcService[State]):
    """A way to ask: ``request``, then look at ``outcome``."""

    def __init__(self) -> None:
        super().__init__(OFFER, MessageType.SHUTDOWN, VERSIONS, State)

    @property
    def outcome(self) -> Outcome:
        return self.state.outcome

    def request(
        self,
        reboot: bool = False,
        hibernate: bool = False,
        reason: str = "",
        *,
        force: bool = False,
    ) -> bool:
        """Ask the guest to power off, or else. False: nobody listens, or the last request is pending.

        ``reason`` is for people, and cut where it is too long.
        """
        if reboot and hibernate:
            raise ValueError("a guest either reboots or hibernates")
        state = self.state
        if state.phase is not Phase.READY or state.outcome is Outcome.PENDING:
            return False
        action = Action.RESTART if reboot else Action.HIBERNATE if hibernate else Action(0)
        if force:
            action |= Action.FORCE
        state.due = _BODY.pack(_PLANNED, 0, action.value, _text(reason))
        state.outcome = Outcome.PENDING
        self._settle()
        return True

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {**super().inspect(), "outcome": state.outcome.value, "status": state.status}

    def _settle(self) -> None:
        state = self.state
        if state.due and self._ask(state.due):
            state.due = b""

    def _on_answer(self, status: int, body: bytes) -> None:
        self.state.status = status
        self.state.outcome = Outcome.REFUSED if status else Outcome.ACCEPTED

    def _after_close(self) -> State:
        """Whoever asked may look at the answer when the guest is long gone."""
        outcome = self.state.outcome
        if outcome is Outcome.PENDING:
            outcome = Outcome.CLOSED
        return State(outcome=outcome, status=self.state.status)


def _text(reason: str) -> bytes:
    """UTF-16 with its terminator."""
    whole = reason.encode("utf-16-le", errors="replace")[: _TEXT_BYTES - 2]
    return whole.decode("utf-16-le", errors="ignore").encode("utf-16-le")
