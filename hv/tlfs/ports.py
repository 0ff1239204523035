"""Connections from the guest to its host: what HvCallPostMessage and HvCallSignalEvent reach.

Follows the TLFS 6.0b, chapter Inter-Partition Communication, "Ports and Connections". The host is at the
other end of every connection; no guest makes ports of its own.
"""

from collections.abc import Callable
from typing import NamedTuple

from hv.errors import ConfigError
from hv.tlfs.hypercall_status import Refusal, Status

MAX_CONNECTION = 0xFFFFFF

MessageHandler = Callable[[int, bytes], bool]
"""``handler(type, payload)``; False: no room, let the guest try again."""
EventHandler = Callable[[int], None]
"""``handler(flag)``, ``flag`` below the connection's count."""


class _EventPort(NamedTuple):
    handler: EventHandler
    flags: int


class Ports:
    """The connections of one partition, by connection id."""

    def __init__(self) -> None:
        self._messages: dict[int, MessageHandler] = {}
        self._events: dict[int, _EventPort] = {}
        self._bus: Callable[[int], bool] = lambda _connection: False

    def connect_bus(self, handler: Callable[[int], bool]) -> None:
        """Ask ``handler(connection)`` about events of connections that are not in the table, because
        they come and go with a bus's channels. It tells whether it knew the connection.
        """
        self._bus = handler

    def connect_messages(self, connection: int, handler: MessageHandler) -> None:
        """Let ``handler`` have what is posted to ``connection``. ConfigError when that is taken."""
        self._check_free(connection)
        self._messages[connection] = handler

    def connect_events(self, connection: int, handler: EventHandler, flags: int = 1) -> None:
        """Call ``handler`` when one of ``flags`` event flags is signalled. ConfigError when taken."""
        self._check_free(connection)
        self._events[connection] = _EventPort(handler, flags)

    def disconnect(self, connection: int) -> None:
        """The connection is gone; harmless when it was not there."""
        self._messages.pop(connection, None)
        self._events.pop(connection, None)

    def _check_free(self, connection: int) -> None:
        if not 0 < connection <= MAX_CONNECTION:
            raise ConfigError(f"connection id {connection:#x} is not 24 bits")
        if connection in self._messages or connection in self._events:
            raise ConfigError(f"connection id {connection:#x} is taken")

    def post(self, connection: int, kind: int, payload: bytes) -> None:
        """A guest's message. Refusal when it cannot be taken."""
        handler = self._messages.get(connection)
        if handler is None:
            raise self._no_port(connection)
        if not handler(kind, payload):
            raise Refusal(Status.INSUFFICIENT_BUFFERS)

    def signal(self, connection: int, flag: int) -> None:
        """A guest's event. Refusal when there is no such flag."""
        port = self._events.get(connection)
        if port is None:
            if flag == 0 and self._bus(connection):
                return
            raise self._no_port(connection)
        if flag >= port.flags:
            raise Refusal(Status.INVALID_PARAMETER)
        port.handler(flag)

    def _no_port(self, connection: int) -> Refusal:
        """Nothing there, or a port of the other kind."""
        known = connection in self._messages or connection in self._events
        return Refusal(Status.INVALID_PORT_ID if known else Status.INVALID_CONNECTION_ID)

    def inspect(self) -> dict[str, object]:
        return {"messages": sorted(self._messages), "events": sorted(self._events)}
