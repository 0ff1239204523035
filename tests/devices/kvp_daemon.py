"""A guest that keeps its pools as Linux's daemon does, for tests of KVP."""

import struct
from dataclasses import dataclass, field

from hv_devices.synthetic.kvp import Answer, Kvp
from tests.devices.ic_guest import BODY, Asked, IcGuest
from tests.fakes import ManualClock

SECOND = 1_000_000_000
NO_MORE_ITEMS = 0x80070103

GET, SET, DELETE, ENUMERATE, GET_IP, SET_IP = range(6)
STRING = 1
KEY, VALUE = 0x200, 0x800
DATA = BODY + 4
ENUM_DATA = BODY + 8


def utf16(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


def text(data: bytes | bytearray) -> str:
    return data.decode("utf-16-le").split("\0")[0]


@dataclass
class Daemon:
    """The guest: its pools, and the addresses that it was told."""

    guest: IcGuest
    pools: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    told: list[bytes] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)
    """Operation and pool of each request."""

    def serve(self) -> None:
        """Answer until nothing is asked."""
        while asked := self.guest.poll():
            self.guest.answer(asked, self.obey(asked))

    def obey(self, asked: Asked) -> int:
        assert asked.type == 2
        operation, pool = asked.raw[BODY], asked.raw[BODY + 1]
        self.seen.append((operation, pool))
        items = self.pools.setdefault(pool, [])
        if operation == ENUMERATE:
            index = asked.u32(DATA)
            if index >= len(items):
                return NO_MORE_ITEMS
            fill(asked, ENUM_DATA, *items[index])
        elif operation == DELETE:
            key = text(asked.raw[DATA + 4 : DATA + 4 + asked.u32(DATA)])
            if key not in dict(items):
                return NO_MORE_ITEMS
            self.pools[pool] = [item for item in items if item[0] != key]
        elif operation in (GET, SET):
            return self.item(asked, operation, items)
        else:
            self.told.append(asked.body)
        return 0

    def item(self, asked: Asked, operation: int, items: list[tuple[str, str]]) -> int:
        kind, key_size, value_size = struct.unpack_from("<III", asked.raw, DATA)
        assert kind == STRING
        key = text(asked.raw[DATA + 12 : DATA + 12 + key_size])
        value = text(asked.raw[DATA + 12 + KEY : DATA + 12 + KEY + value_size])
        known = dict(items)
        if operation == SET:
            known[key] = value
            items[:] = known.items()
            return 0
        assert value_size == 0
        if key not in known:
            return NO_MORE_ITEMS
        fill(asked, DATA, key, known[key])
        return 0


def fill(asked: Asked, at: int, key: str, value: str) -> None:
    """Put an item into a request, as its answer."""
    name, content = utf16(key), utf16(value)
    asked.put(at, struct.pack("<III", STRING, len(name), len(content)))
    asked.put(at + 12, name.ljust(KEY, b"\0") + content.ljust(VALUE, b"\0"))


@dataclass
class Scene:
    clock: ManualClock
    service: Kvp
    daemon: Daemon

    @property
    def guest(self) -> IcGuest:
        return self.daemon.guest

    def answered(self, ticket: int) -> Answer:
        """Let the guest work; the answer must be there."""
        self.daemon.serve()
        answer = self.service.take(ticket)
        assert answer is not None
        return answer


def scene(*versions: tuple[int, int], facts: dict[str, str] | None = None) -> Scene:
    clock = ManualClock()
    service = Kvp(clock, facts)
    guest = IcGuest(service)
    guest.choose(*(versions or ((4, 0), (3, 0), (1, 0))))
    return Scene(clock, service, Daemon(guest))
