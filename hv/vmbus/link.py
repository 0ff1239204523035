"""The way to the guest's driver: messages and interrupts out, and a record of what came in wrong."""

from hv.interfaces import GuestMemory

from .connection import Connection
from .doors import Synic
from .messages import CHANNEL_MESSAGE, Response

_FLAG_OF_INTERRUPT_PAGE = 0
"""The event flag that says: look into the interrupt page."""


class Link:
    """Where to reach whoever is connected; silent while nobody is."""

    SAVED = {"connection": Connection | None, "refused": int, "last_failure": str}

    def __init__(self, memory: GuestMemory, synic: Synic) -> None:
        self._memory = memory
        self._synic = synic
        self.connection: Connection | None = None
        self.refused = 0
        self.last_failure = ""

    def post(self, message: Response) -> None:
        """A channel message to the processor that the guest named on contact."""
        if self.connection is not None:
            self.post_to(self.connection.target_vp, message)

    def post_to(self, vp: int, message: Response) -> None:
        self._synic.post_message(vp, CHANNEL_MESSAGE, message.encode())

    def interrupt(self, vp: int, relid: int) -> None:
        """Say that something changed in the rings of channel ``relid``."""
        if self.connection is None:
            return
        if self.connection.has_event_flags:
            self._synic.signal_event(vp, relid)
            return
        if self.connection.interrupt_page:
            at = self.connection.interrupt_page + relid // 8
            bits = self._memory.read(at, 1)[0] | 1 << relid % 8
            self._memory.write(at, bytes([bits]))
        self._synic.signal_event(vp, _FLAG_OF_INTERRUPT_PAGE)

    def disconnect(self) -> None:
        """Forget the guest's driver and what was on its way to it."""
        if self.connection is not None:
            self._synic.forget_messages(self.connection.target_vp)
        self.connection = None

    def refuse(self, reason: str) -> None:
        """The guest broke the protocol of the bus; nothing moves."""
        self.refused += 1
        self.last_failure = reason
