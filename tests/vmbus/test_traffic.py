"""Two honest ends with small rings: all that is sent arrives, in order, and nobody sleeps for ever.

The guest works as Linux does: it acts on interrupts alone, masks them while it drains, unmasks and looks
again; it signals when its ring was empty, or when the host waits for room. A wake-up that is missing leaves
traffic behind at the end.
"""

import struct
from collections import deque
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from hv.vmbus.service import Channel
from tests.vmbus.fake_guest import GuestChannel, boot
from tests.vmbus.fakes import Diary, FakeMemory, offer
from tests.vmbus.guest_ring import MASK, PENDING, descriptor

ANSWER = 0x60
LARGEST = 0x700


@dataclass
class Host:
    """A service with work of its own: answers at once or later, and sends what piles up.

    A lazy one reads nothing when signalled, only when its own time has come.
    """

    later: bool
    lazy: bool
    backlog: deque[bytes] = field(default_factory=deque)
    received: list[bytes] = field(default_factory=list)
    unanswered: deque[int] = field(default_factory=deque)

    def ready(self, channel: Channel) -> None:
        if not self.lazy:
            self.work(channel)

    def work(self, channel: Channel) -> None:
        while packet := channel.receive(ANSWER):
            self.received.append(packet.payload)
            if packet.wants_completion:
                self.unanswered.append(packet.transaction_id)
                if not self.later:
                    self.answer(channel)
        self.flush(channel)

    def flush(self, channel: Channel) -> None:
        while self.backlog and channel.send(self.backlog[0]):
            self.backlog.popleft()

    def answer(self, channel: Channel) -> None:
        """One answer; its length depends on the question, so that reservations are not always used up."""
        if self.unanswered:
            tid = self.unanswered.popleft()
            channel.complete(tid, bytes(tid * 8 % (ANSWER + 8)))


@dataclass
class Guest:
    """A driver with a queue."""

    channel: GuestChannel
    masks: bool
    queue: deque[bytes] = field(default_factory=deque)
    received: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def interrupt(self) -> bool:
        """The interrupt handler, if there is an interrupt."""
        if not self.channel.interrupted():
            return False
        ring = self.channel.incoming
        while ring.used():
            ring.store(MASK, int(self.masks))
            while self._take():
                pass
            ring.store(MASK, 0)
        self.push()
        return True

    def _take(self) -> bool:
        packet = self.channel.receive()
        if packet is None:
            return False
        if packet.kind == 11:
            self.answers.append(packet.transaction_id)
        else:
            self.received.append(packet.payload)
        return True

    def push(self) -> None:
        """Send what the ring has room for; ask to be told if some is left."""
        ring = self.channel.outgoing
        while self.queue:
            if not self.channel.put(self.queue[0]):
                ring.store(PENDING, len(self.queue[0]) + 8)
                return
            self.queue.popleft()
        ring.store(PENDING, 0)


ACTIONS = ("guest tells", "guest asks", "host sends", "interrupt", "answer", "work")


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Actions and sizes. Few kinds at a time: a wake-up that one lacks another would make up for."""
    kinds = draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4))
    sizes = st.integers(1, LARGEST // 8)
    return draw(st.lists(st.tuples(st.sampled_from(kinds), sizes), min_size=20, max_size=60))


def settle(guest: Guest, host: Host, channel: Channel) -> None:
    """Let both act for as long as either has a reason to."""
    for _ in range(5000):
        moved = guest.interrupt()
        if host.unanswered:
            host.answer(channel)
            moved = True
        if host.lazy:
            done = len(host.received), len(host.backlog)
            host.work(channel)
            moved |= done != (len(host.received), len(host.backlog))
        if not moved:
            return
    raise AssertionError("no end to it")


@settings(max_examples=250, deadline=None)
@given(scripts(), st.booleans(), st.booleans(), st.booleans())
def test_everything_arrives(
    script: list[tuple[str, int]], later: bool, lazy: bool, masks: bool
) -> None:
    host = Host(later, lazy)
    service = Diary(offer())
    service.on_ready = host.ready
    machine = boot(service, memory=FakeMemory(1 << 20))
    guest = Guest(machine.open(machine.offers[0], pages=2), masks)
    channel = service.channel
    assert channel is not None
    to_host: list[bytes] = []
    to_guest: list[bytes] = []
    asked: list[int] = []
    for action, size in script:
        if action in ("guest tells", "guest asks"):
            asks = action == "guest asks"
            tid = len(to_host) + 1
            to_host.append(struct.pack("<Q", tid) * size)
            asked += [tid] * asks
            guest.queue.append(descriptor(6, to_host[-1], tid, int(asks)))
            guest.push()
        elif action == "host sends":
            to_guest.append(struct.pack("<Q", len(to_guest)) * size)
            host.backlog.append(to_guest[-1])
            host.flush(channel)
        elif action == "interrupt":
            guest.interrupt()
        elif action == "answer":
            host.answer(channel)
        else:
            host.work(channel)
    settle(guest, host, channel)
    assert machine.bus.inspect().channels[0].failure == ""
    assert host.received == to_host
    assert guest.received == to_guest
    assert guest.answers == asked
