"""The child process of a test session: makes runs and keeps live machines, one request at a time."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from hv.errors import ConfigError, GuestError, HvError, InternalError
from hv.live import LiveMachine, Snapshot
from hv.testing.bench import Bench
from hv.testing.orphan import end_with_parent
from hv.testing.tested import TestedMachine
from hv.testing.wire import Reply, Request, receive, send

_PLAIN = (type(None), bool, int, float, str, bytes, tuple, list, dict)


class Worker:
    """Answers requests; machines are known by number."""

    def __init__(self, bench: Bench, numbers_from: int) -> None:
        self._bench = bench
        self._machines: dict[int, Any] = {}
        self._latest_number = self._latest_run = numbers_from
        self._actions: dict[str, Callable[[Request], Reply]] = {
            "run": self._run,
            "boot_key": lambda request: Reply(bench.boot_key(*request.arguments)),
            "boot": self._boot,
            "reproduce": self._reproduce,
            "open": self._open,
            "describe": self._describe,
            "close": self._close,
            "close_all": self._close_all,
            "get": self._get,
            "set": self._set,
            "call": self._call,
            "item": self._item,
            "put": self._put,
        }

    def answer(self, request: Request) -> Reply:
        """Do what is asked; what goes wrong is the answer."""
        try:
            return self._actions[request.action](request)
        except (
            HvError,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            NotImplementedError,
        ) as error:
            return Reply(error=error)
        except Exception:  # noqa: BLE001 - our own bug must reach the test that shows it
            return Reply(error=InternalError(traceback.format_exc()))

    def _run(self, request: Request) -> Reply:
        self._machines.pop(self._latest_run, None)
        run, machine = self._bench.run(*request.arguments)
        self._latest_run = self._number(machine)
        return Reply(run, kept=self._latest_run)

    def _boot(self, request: Request) -> Reply:
        try:
            self._bench.boot(*request.arguments)
        except GuestError as error:
            return Reply(error=error, kept=self._number(self._bench.failed))
        return Reply()

    def _open(self, request: Request) -> Reply:
        return self._keep(self._bench.open(*request.arguments))

    def _keep(self, machine: Any) -> Reply:
        return Reply(opaque=True, kept=self._number(machine))

    def _number(self, machine: Any) -> int:
        self._latest_number += 1
        self._machines[self._latest_number] = machine
        return self._latest_number

    def _close(self, request: Request) -> Reply:
        machine = self._machines.pop(request.machine, None)
        if machine is not None:
            self._bench.close(machine)
        return Reply()

    def _close_all(self, _request: Request) -> Reply:
        for number, kept in list(self._machines.items()):
            if isinstance(kept, TestedMachine):
                self._bench.close(kept)
            del self._machines[number]
        return Reply()

    def _describe(self, request: Request) -> Reply:
        return Reply(self._bench.describe(self._find(request)))

    def _reproduce(self, request: Request) -> Reply:
        return Reply(self._bench.reproduce(self._find(request), *request.arguments))

    def _find(self, request: Request) -> Any:
        try:
            found = self._machines[request.machine]
        except KeyError:
            raise ConfigError("this machine was closed, or its process died") from None
        for name in request.path:
            found = getattr(found, name)
        return found

    def _get(self, request: Request) -> Reply:
        return _reply(self._find(request))

    def _set(self, request: Request) -> Reply:
        *path, name = request.path
        owner = self._find(Request("get", request.machine, tuple(path)))
        setattr(owner, name, request.arguments[0])
        return Reply()

    def _call(self, request: Request) -> Reply:
        value = self._find(request)(*request.arguments, **request.keywords)
        return self._keep(value) if isinstance(value, LiveMachine | Snapshot) else Reply(value)

    def _item(self, request: Request) -> Reply:
        return _reply(self._find(request)[request.arguments[0]])

    def _put(self, request: Request) -> Reply:
        key, value = request.arguments
        self._find(request)[key] = value
        return Reply()


def _reply(value: Any) -> Reply:
    """Plain values travel; objects stay here and are asked on."""
    return Reply(value) if isinstance(value, _PLAIN) else Reply(opaque=True)


def main() -> None:
    """Serve on standard input and output until the session is gone. Prints go to standard error."""
    end_with_parent()
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    worker = Worker(Bench(receive(requests)), int(sys.argv[1]))
    while True:
        try:
            request = receive(requests)
        except EOFError:
            return
        reply = worker.answer(request)
        try:
            send(replies, reply)
        except (TypeError, AttributeError, ValueError) as error:
            send(replies, Reply(error=InternalError(f"the answer cannot travel: {error}")))


if __name__ == "__main__":
    main()
