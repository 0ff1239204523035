"""Synthetic interrupt controller of one virtual processor: messages, event flags, sixteen sources.

Follows the TLFS 6.0b, chapter Inter-Partition Communication. Choices where it leaves room: a message or an
event for a masked source is written all the same, so that a guest may poll, and the interrupt follows when
the source is unmasked while there is still something to find. Messages for a disabled SynIC or SIM
page wait; events for a disabled SynIC or SIEF page are refused. Left out: intercept messages, the response
buffer page (SIRBP), and the as-intercept and proxy bits, which are kept without meaning.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag

from hv.tlfs.doors import InterruptSink
from hv.tlfs.errors import AccessFault
from hv.tlfs.message import MAX_PAYLOAD, Message, Slot, TimerMessage
from hv.tlfs.overlay import ENABLE, PageRegister

SINTS = 16
FLAGS_PER_SINT = 2048
VERSION = 1
FIRST_VECTOR = 16
MAX_QUEUED = 256
"""Messages of the host's that wait for one source; a guest that never looks cannot make more wait."""

_FLAG_ROW = FLAGS_PER_SINT // 8


class Sint(IntFlag):
    """SINTx."""

    VECTOR = 0xFF
    MASKED = 1 << 16
    AUTO_EOI = 1 << 17
    POLLING = 1 << 18


_VECTOR, _MASKED = Sint.VECTOR.value, Sint.MASKED.value
_AUTO_EOI, _POLLING = Sint.AUTO_EOI.value, Sint.POLLING.value


@dataclass
class State:
    scontrol: int = 0
    sints: list[int] = field(default_factory=lambda: [_MASKED] * SINTS)
    queues: list[list[Message]] = field(default_factory=lambda: [[] for _ in range(SINTS)])
    owed: list[bool] = field(default_factory=lambda: [False] * SINTS)
    """An interrupt did not go out because its source was masked."""


@dataclass(frozen=True, slots=True)
class SavedMessage:
    """A message that waits; ``timer`` when it is a timer's."""

    type: int
    payload: bytes
    timer: int | None = None
    expiration: int = 0

    @staticmethod
    def of(message: Message) -> "SavedMessage":
        if isinstance(message, TimerMessage):
            return SavedMessage(message.type, b"", message.timer, message.expiration)
        return SavedMessage(message.type, message.payload)

    def message(self) -> Message:
        if self.timer is not None:
            return TimerMessage(self.type, self.payload, self.timer, self.expiration)
        return Message(self.type, self.payload)


@dataclass(frozen=True, slots=True)
class SavedSynic:
    """``State``, with the messages in a form that says which are timers'."""

    scontrol: int
    sints: list[int]
    queues: list[list[SavedMessage]]
    owed: list[bool]


class Synic:
    """``now`` is reference time; ``polling``: the polling bit is offered."""

    SAVED_AS = SavedSynic

    def __init__(
        self,
        interrupts: InterruptSink,
        simp: PageRegister,
        siefp: PageRegister,
        now: Callable[[], int],
        *,
        polling: bool,
    ) -> None:
        self._interrupts = interrupts
        self._simp = simp
        self._siefp = siefp
        self._now = now
        self._silent = _MASKED | _POLLING if polling else _MASKED
        self._polled = _POLLING if polling else 0
        self._slots = [Slot(simp.page, sint) for sint in range(SINTS)]
        self.state = State()

    def reset(self) -> None:
        """INIT or power-on: queues empty, pages gone, every source masked."""
        self.state = State()
        self._simp.reset()
        self._siefp.reset()

    # Towards the guest.

    def post(self, sint: int, kind: int, payload: bytes) -> bool:
        """Queue a message for ``sint`` and deliver what can be. False: too many wait already."""
        if not kind or len(payload) > MAX_PAYLOAD:
            raise ValueError(f"message of type {kind:#x} with {len(payload)} bytes")
        queue = self.state.queues[sint]
        if len(queue) >= MAX_QUEUED:
            return False
        queue.append(Message(kind, payload))
        self._deliver(sint)
        return True

    def post_timer(self, sint: int, timer: int, expiration: int) -> None:
        """Queue an expired timer's message, unless its one buffer is still under way."""
        queue = self.state.queues[sint]
        if not any(
            isinstance(waiting, TimerMessage) and waiting.timer == timer for waiting in queue
        ):
            queue.append(TimerMessage.of(timer, expiration))
        self._deliver(sint)

    def withdraw_timer(self, timer: int) -> None:
        """A timer was set anew: what it had to say does not count any more."""
        for queue in self.state.queues:
            queue[:] = [
                waiting
                for waiting in queue
                if not (isinstance(waiting, TimerMessage) and waiting.timer == timer)
            ]

    def forget(self, sint: int) -> None:
        """Drop the messages that wait for ``sint``, but not its timers'."""
        queue = self.state.queues[sint]
        queue[:] = [waiting for waiting in queue if isinstance(waiting, TimerMessage)]

    def signal(self, sint: int, flag: int) -> bool:
        """Set an event flag; interrupt if it was clear. False: SynIC or SIEF page are disabled."""
        if not (self.state.scontrol & ENABLE and self._siefp.enabled):
            return False
        page, at = self._siefp.page, sint * _FLAG_ROW + flag // 8
        before, bit = page.read(at, 1)[0], 1 << flag % 8
        if not before & bit:
            page.write(at, bytes((before | bit,)))
            self._interrupt(sint)
        return True

    def end_of_interrupt(self) -> None:
        """The processor's APIC saw an EOI: waiting messages get another chance."""
        self._deliver_all()

    # Registers.

    def write_scontrol(self, value: int) -> None:
        self.state.scontrol = value
        self._deliver_all()

    def write_simp(self, value: int) -> None:
        self._simp.write(value)
        self._deliver_all()

    def write_siefp(self, value: int) -> None:
        self._siefp.write(value)

    def write_eom(self, _value: int) -> None:
        self._deliver_all()

    def write_sint(self, sint: int, value: int) -> None:
        """AccessFault for a source that would interrupt with a vector that is none."""
        state = self.state
        if not value & self._silent and value & _VECTOR < FIRST_VECTOR:
            raise AccessFault
        state.sints[sint] = value
        if state.owed[sint] and not value & self._silent:
            state.owed[sint] = False
            if self._something_to_find(sint):
                self._interrupt(sint)
        self._deliver(sint)

    def save(self) -> SavedSynic:
        state = self.state
        queues = [[SavedMessage.of(message) for message in queue] for queue in state.queues]
        return SavedSynic(state.scontrol, state.sints, queues, state.owed)

    def load(self, saved: SavedSynic) -> None:
        """ValueError: not sixteen sources."""
        if not len(saved.sints) == len(saved.queues) == len(saved.owed) == SINTS:
            raise ValueError(f"a SynIC of {len(saved.sints)} sources")
        queues = [[message.message() for message in queue] for queue in saved.queues]
        self.state = State(saved.scontrol, saved.sints, queues, saved.owed)

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {
            "scontrol": state.scontrol,
            "simp": self._simp.value,
            "siefp": self._siefp.value,
            "sints": list(state.sints),
            "queued": [len(queue) for queue in state.queues],
        }

    # Inside.

    def _deliver_all(self) -> None:
        for sint, queue in enumerate(self.state.queues):
            if queue:
                self._deliver(sint)

    def _deliver(self, sint: int) -> None:
        """Move the head of the queue into its slot, or tell the guest that something waits."""
        state, slot = self.state, self._slots[sint]
        queue = state.queues[sint]
        if not (queue and state.scontrol & ENABLE and self._simp.enabled):
            return
        if slot.empty:
            message = queue.pop(0)
            slot.put(message, self._now(), pending=bool(queue))
            self._interrupt(sint)
        else:
            slot.set_pending()

    def _interrupt(self, sint: int) -> None:
        state = self.state
        value = state.sints[sint]
        if value & self._polled:
            return
        if value & _MASKED:
            state.owed[sint] = True
            return
        self._interrupts.raise_edge(value & _VECTOR, bool(value & _AUTO_EOI))

    def _something_to_find(self, sint: int) -> bool:
        """The guest has not yet polled away what its source was masked for."""
        if self._simp.enabled and not self._slots[sint].empty:
            return True
        row = self._siefp.page.read(sint * _FLAG_ROW, _FLAG_ROW)
        return self._siefp.enabled and any(row)
