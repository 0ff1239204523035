"""KVP: key-value pairs between host and guest, and the addresses of the guest's network adapters.

Follows Linux's driver and daemon (drivers/hv/hv_kvp.c, tools/hv/hv_kvp_daemon.c): versions 3.0 and 4.0. The
guest keeps the pools; the host asks for changes. A Linux guest listens once its daemon runs, gives up on
the daemon after 30 s, and says "no more items" of a key that is not there. Left out: version 5.0.

Every request gets a ticket and is answered sooner or later: by the guest, or by us in its place with
TIMED_OUT, NOT_CONNECTED or NOT_SUPPORTED. Requests made before the guest listens wait for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from hv.interfaces import Clock
from hv.types import NS_PER_SECOND
from hv.vmbus.service import Offer
from hv_devices.synthetic import kvp_messages
from hv_devices.synthetic.ic_protocol import MessageType, Status, Version
from hv_devices.synthetic.ic_service import IcService, IcState, Phase, set_deadline
from hv_devices.synthetic.kvp_messages import IpInfo, Operation, Pool

OFFER = Offer(
    "kvp",
    UUID("a9a0f4e7-5a45-4d96-b827-8a841e8c03e6"),
    UUID("242ff919-07db-4180-9c2e-b86cb68c8c55"),
    pipe=True,
)
WITH_IP_INFO = Version(4, 0)
VERSIONS = (Version(3, 0), WITH_IP_INFO)

TIMEOUT_NS = 60 * NS_PER_SECOND
"""From the request, or from the last item of an enumeration, to the answer."""
MAX_WAITING = 256
MAX_ANSWERS = 64
"""Answers that nobody took; the oldest goes first."""
MAX_ITEMS = 256
"""Of one enumeration; a guest could go on for ever."""

_NOBODY = 0
_IP_OPERATIONS = (Operation.GET_IP_INFO, Operation.SET_IP_INFO)


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is an HRESULT (``ic_protocol.Status`` names some)."""

    status: int
    value: str | None = None
    """Of a ``get``."""
    items: tuple[tuple[str, str], ...] = ()
    """Of an ``enumerate``, as far as it came."""
    ip_info: IpInfo | None = None

    @property
    def ok(self) -> bool:
        return self.status == Status.OK


@dataclass
class Request:
    ticket: int
    operation: Operation
    body: bytes
    deadline: int
    pool: Pool = Pool.GUEST
    items: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class State(IcState):
    published: bool = False
    """The guest is being told the facts."""
    waiting: list[Request] = field(default_factory=list)
    asked: Request | None = None
    """The one that the guest is at; None also when it took too long and was given up."""
    answers: dict[int, Answer] = field(default_factory=dict)
    next_ticket: int = _NOBODY + 1


class Kvp(IcService[State]):
    """The guest's pools. ``facts`` are put into AUTO_EXTERNAL whenever the guest begins to listen."""

    def __init__(self, clock: Clock, facts: Mapping[str, str] | None = None) -> None:
        super().__init__(OFFER, MessageType.KVP, VERSIONS, State)
        self._clock = clock
        self._facts = tuple(
            kvp_messages.set_value(Pool.AUTO_EXTERNAL, key, value)
            for key, value in (facts or {}).items()
        )
        self._timer = clock.timer(self._on_deadline)

    # Requests; each returns its ticket. ValueError: too long for a message, or too many wait.

    def get(self, pool: Pool, key: str) -> int:
        return self._submit(Operation.GET, kvp_messages.get(pool, key))

    def set(self, pool: Pool, key: str, value: str) -> int:
        return self._submit(Operation.SET, kvp_messages.set_value(pool, key, value))

    def delete(self, pool: Pool, key: str) -> int:
        return self._submit(Operation.DELETE, kvp_messages.delete(pool, key))

    def enumerate(self, pool: Pool) -> int:
        """Everything in a pool."""
        first = kvp_messages.enumerate_item(pool, 0)
        return self._submit(Operation.ENUMERATE, first, pool)

    def get_ip_info(self, adapter: str) -> int:
        return self._submit(Operation.GET_IP_INFO, kvp_messages.get_ip_info(adapter))

    def set_ip_info(self, info: IpInfo) -> int:
        return self._submit(Operation.SET_IP_INFO, kvp_messages.set_ip_info(info))

    def take(self, ticket: int) -> Answer | None:
        """The answer to a request, once; None as long as there is none."""
        return self.state.answers.pop(ticket, None)

    def inspect(self) -> dict[str, object]:
        state = self.state
        return {
            **super().inspect(),
            "asked": state.asked.operation.name if state.asked else None,
            "waiting": len(state.waiting),
            "answers": len(state.answers),
        }

    # Inside

    def _submit(self, operation: Operation, body: bytes, pool: Pool = Pool.GUEST) -> int:
        state = self.state
        if len(state.waiting) >= MAX_WAITING:
            raise ValueError(f"{MAX_WAITING} KVP requests are waiting for the guest")
        ticket = state.next_ticket
        state.next_ticket += 1
        state.waiting.append(Request(ticket, operation, body, self._deadline(), pool))
        self._settle()
        return ticket

    def _deadline(self) -> int:
        return self._clock.now() + TIMEOUT_NS

    def _settle(self) -> None:
        state = self.state
        if state.phase is Phase.READY:
            self._publish()
            self._ask_next()
        elif state.phase is Phase.NO_COMMON_VERSION:
            self._give_up(Status.NOT_SUPPORTED)
        deadlines = [request.deadline for request in self._open_requests()]
        set_deadline(self._timer, min(deadlines, default=None))

    def _publish(self) -> None:
        state = self.state
        if not state.published:
            state.published = True
            deadline = self._deadline()
            state.waiting[:0] = [
                Request(_NOBODY, Operation.SET, body, deadline) for body in self._facts
            ]

    def _ask_next(self) -> None:
        state = self.state
        while state.waiting:
            request = state.waiting[0]
            if request.operation in _IP_OPERATIONS and state.agreed.version < WITH_IP_INFO:
                self._finish(state.waiting.pop(0), Answer(Status.NOT_SUPPORTED))
            elif self._ask(request.body):
                state.asked = state.waiting.pop(0)
            else:
                break

    def _open_requests(self) -> list[Request]:
        state = self.state
        return [state.asked, *state.waiting] if state.asked else state.waiting

    def _give_up(self, status: Status) -> None:
        """The guest will answer none of them."""
        state = self.state
        for request in self._open_requests():
            self._finish(request, Answer(status, items=tuple(request.items)))
        state.waiting, state.asked = [], None

    def _finish(self, request: Request, answer: Answer) -> None:
        if request.ticket == _NOBODY:
            return
        answers = self.state.answers
        answers[request.ticket] = answer
        if len(answers) > MAX_ANSWERS:
            del answers[min(answers)]

    def _on_deadline(self) -> None:
        state = self.state
        now = self._clock.now()
        late = [request for request in self._open_requests() if request.deadline <= now]
        for request in late:
            self._finish(request, Answer(Status.TIMED_OUT, items=tuple(request.items)))
        state.waiting = [request for request in state.waiting if request.deadline > now]
        if state.asked and state.asked.deadline <= now:
            state.asked = None
        self._settle()

    def _after_close(self) -> State:
        """Answers stay for whoever asked."""
        self._give_up(Status.NOT_CONNECTED)
        return State(answers=self.state.answers, next_ticket=self.state.next_ticket)

    # Answers of the guest's

    def _on_answer(self, status: int, body: bytes) -> None:
        request, self.state.asked = self.state.asked, None
        if request is not None:
            _READERS.get(request.operation, Kvp._on_done)(self, request, status, body)

    def _on_done(self, request: Request, status: int, body: bytes) -> None:
        self._finish(request, Answer(status))

    def _on_value(self, request: Request, status: int, body: bytes) -> None:
        value = None if status else kvp_messages.parse_get(body)
        self._finish(request, Answer(_checked(status, value), value=value))

    def _on_ip_info(self, request: Request, status: int, body: bytes) -> None:
        info = None if status else kvp_messages.parse_ip_info(body)
        self._finish(request, Answer(_checked(status, info), ip_info=info))

    def _on_item(self, request: Request, status: int, body: bytes) -> None:
        item = None if status else kvp_messages.parse_enumerate(body)
        if item is not None:
            request.items.append(item)
        if item is not None and len(request.items) < MAX_ITEMS:
            request.body = kvp_messages.enumerate_item(request.pool, len(request.items))
            request.deadline = self._deadline()
            self.state.waiting.insert(0, request)
            return
        if status == Status.NO_MORE_ITEMS:
            status = Status.OK
        elif item is not None:
            status = Status.MORE_DATA
        else:
            status = _checked(status, item)
        self._finish(request, Answer(status, items=tuple(request.items)))


def _checked(status: int, content: object) -> int:
    """The guest's status, unless it claims success and its answer makes no sense."""
    return Status.INVALID_DATA if not status and content is None else status


_Reader = Callable[[Kvp, Request, int, bytes], None]

_READERS: dict[Operation, _Reader] = {
    Operation.GET: Kvp._on_value,
    Operation.ENUMERATE: Kvp._on_item,
    Operation.GET_IP_INFO: Kvp._on_ip_info,
}
