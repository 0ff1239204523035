"""What the bus needs from the hypervisor: two ways to reach a virtual processor.

Both go to SINT 2, the one that VMBus drivers listen to. A processor that does not exist, or has its
SynIC off, is the door's business: nothing is raised and nothing comes back.
"""

from typing import Protocol

VMBUS_SINT = 2


class Synic(Protocol):
    """The synthetic interrupt controllers of one partition, as the bus sees them."""

    def post_message(self, vp: int, message_type: int, payload: bytes) -> None:
        """Queue a message for SINT 2 of processor ``vp``; queue bound and retry are the SynIC's."""

    def signal_event(self, vp: int, flag: int) -> None:
        """Set event flag ``flag`` of SINT 2 of processor ``vp``."""

    def forget_messages(self, vp: int) -> None:
        """Drop what is queued for SINT 2 of ``vp`` and not yet in its slot: the connection is gone."""
