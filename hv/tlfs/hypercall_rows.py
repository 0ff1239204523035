"""What a row of the hypercall table holds: a simple call or a rep call, and the layout of its input."""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hv.tlfs.features import Feature
from hv.tlfs.processor import SyntheticProcessor

H = TypeVar("H")
E = TypeVar("E")


class Layout(Generic[H]):
    """A fixed block of guest bytes and the type that it becomes."""

    def __init__(self, form: str, build: Callable[..., H]) -> None:
        self._struct = struct.Struct(form)
        self._build = build
        self.size = self._struct.size

    def parse(self, data: bytes) -> H:
        return self._build(*self._struct.unpack(data))

    def parse_all(self, data: bytes) -> list[H]:
        """As many as ``data`` holds."""
        return [self._build(*fields) for fields in self._struct.iter_unpack(data)]


NO_INPUT = Layout("", lambda: None)

Banks = Sequence[int]
"""The variable header, in 8-byte units."""


@dataclass(frozen=True, slots=True)
class SimpleCall(Generic[H]):
    """``handle(caller, input, banks)`` -> the output, ``output`` bytes."""

    code: int
    name: str
    needs: Feature
    input: Layout[H]
    handle: Callable[[SyntheticProcessor, H, Banks], bytes]
    output: int = 0
    banks: bool = False
    """It takes a variable header."""


@dataclass(frozen=True, slots=True)
class RepCall(Generic[H, E]):
    """``handle(caller, input, banks, elements)`` yields one output of ``output`` bytes for each element."""

    code: int
    name: str
    needs: Feature
    input: Layout[H]
    element: Layout[E]
    handle: Callable[[SyntheticProcessor, H, Banks, list[E]], Iterator[bytes]]
    output: int = 0
    banks: bool = False


Row = SimpleCall[Any] | RepCall[Any, Any]

SUCCESS = b""
"""What a handler returns that has no output."""
