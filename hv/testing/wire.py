"""Between a test session and the child that runs its machines: frames of a length and a pickle.

Both ends are this package in the same installation, and the pipe is nobody else's.
"""

import pickle
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Request:
    """``action`` on a machine's attribute ``path``; what the arguments mean is the action's business."""

    action: str
    machine: int = 0
    path: tuple[str, ...] = ()
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """A value, or an error; ``opaque`` when the value stays in the child and is asked on, as ``kept`` if
    it is a machine of its own.
    """

    value: Any = None
    error: BaseException | None = None
    opaque: bool = False
    kept: int = 0


def send(stream: BinaryIO, message: Request | Reply) -> None:
    """Write one frame."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one frame. EOFError when the other end is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(head)
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return pickle.loads(body)
