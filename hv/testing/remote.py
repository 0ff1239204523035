"""A live machine in the child process, used like one in this process: attributes are asked for there."""

from typing import Any, Protocol

from hv.testing.wire import Reply, Request

_OWN = frozenset({"_child", "_machine", "_path"})


class Child(Protocol):
    """The process where the machine is."""

    @property
    def pid(self) -> int:
        """Of the one that serves the next request."""

    def ask(self, request: Request) -> Reply:
        """One request and its reply."""


class RemoteObject:
    """A machine, or an attribute of it that is no plain value: a part, or a method."""

    def __init__(self, child: Child, machine: int, path: tuple[str, ...] = ()) -> None:
        self._child = child
        self._machine = machine
        self._path = path

    def _ask(self, action: str, *arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True
        request = Request(action, self._machine, self._path, arguments, keywords)
        reply = self._child.ask(request)
        if reply.kept:
            return RemoteObject(self._child, reply.kept)
        return RemoteObject(self._child, self._machine, self._path) if reply.opaque else reply.value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return RemoteObject(self._child, self._machine, (*self._path, name))._ask("get")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            RemoteObject(self._child, self._machine, (*self._path, name))._ask("set", value)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True
        return self._ask("call", *arguments, **keywords)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("put", key, value)

    def __enter__(self) -> "RemoteObject":
        return self

    def __exit__(self, *_error: object) -> None:
        self._ask("close")

    def __repr__(self) -> str:
        return (
            f"<machine {self._machine} in process {self._child.pid}{'.'.join(('', *self._path))}>"
        )
