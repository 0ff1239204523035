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
    """A service with work of its own: answers at once or later, and sends what piles up."""

    later: bool
    backlog: deque[bytes] = field(default_factory=deque)
    received: list[bytes] = field(default_factory=list)
    unanswered: deque[int] = field(default_factory=deque)

    def work(self, channel: Channel) -> None:
        while packet := channel.receive(ANSWER):
            self.received.append(packet.payload)
            if packet.wants_completion:
                self.unanswered.append(packet.transaction_id)
                if not self.later:
                    self.answer(channel)
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
    one_at_a_time: bool
    queue: deque[bytes] = field(default_factory=deque)
    received: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def interrupt(self) -> bool:
        """The interrupt handler, if there is an interrupt."""
        if not self.channel.interrupted():
            return False
        ring = self.channel.incoming
        if self.one_at_a_time:
            self._take()
        else:
            while True:
                ring.store(MASK, int(self.masks))
                while self._take():
                    pass
                ring.store(MASK, 0)
                if not ring.used():
                    break
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


actions = st.one_of(
    st.tuples(st.just("guest sends"), st.integers(1, LARGEST // 8), st.booleans()),
    st.tuples(st.just("host sends"), st.integers(1, LARGEST // 8), st.booleans()),
    st.tuples(st.sampled_from(["interrupt", "answer"]), st.just(0), st.booleans()),
)


@settings(max_examples=250, deadline=None)
@given(
    st.lists(actions, max_size=80),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_everything_arrives(
    script: list[tuple[str, int, bool]], later: bool, masks: bool, one_at_a_time: bool
) -> None:
    host = Host(later)
    service = Diary(offer())
    service.on_ready = host.work
    machine = boot(service, memory=FakeMemory(1 << 20))
    guest = Guest(machine.open(machine.offers[0], pages=2), masks, False)
    guest.one_at_a_time = one_at_a_time
    to_host: list[bytes] = []
    to_guest: list[bytes] = []
    asked: list[int] = []
    assert service.channel is not None
    for action, size, flag in script:
        if action == "guest sends":
            tid = len(to_host) + 1
            payload = struct.pack("<Q", tid) * size
            to_host.append(payload)
            asked += [tid] * flag
            guest.queue.append(descriptor(6, payload, tid, int(flag)))
            guest.push()
        elif action == "host sends":
            payload = struct.pack("<Q", len(to_guest)) * size
            to_guest.append(payload)
            host.backlog.append(payload)
            while host.backlog and service.channel.send(host.backlog[0]):
                host.backlog.popleft()
        elif action == "interrupt":
            guest.interrupt()
        else:
            host.answer(service.channel)
    for _ in range(2000):
        if host.unanswered:
            host.answer(service.channel)
        elif not guest.interrupt():
            break
    assert machine.bus.inspect().channels[0].failure == ""
    if one_at_a_time:
        # Such a guest leaves behind what one interrupt for several packets did not cover.
        while guest.channel.incoming.used() or host.unanswered:
            guest._take()
            guest.push()
            host.answer(service.channel)
    assert host.received == to_host
    assert guest.received == to_guest
    assert guest.answers == asked
