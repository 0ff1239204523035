"""A session's child process, as the session sees it: started when first needed, replaced when it dies."""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol, cast

from hv.errors import InternalError
from hv.testing.bench import Bench, Setup
from hv.testing.boots import LOCK
from hv.testing.guest_run import GuestRun, Job
from hv.testing.locked import locked
from hv.testing.remote import RemoteObject
from hv.testing.reproducing import Reproduced
from hv.testing.wire import Reply, Request, receive, send

_DYING_S = 10
_MS = 1000


class EngineDied(InternalError):
    """The process that ran the machine is gone: a crash of the native engine, most likely."""


class EngineHung(EngineDied):
    """It gave no answer, and was killed. What it was about to do is not known: no result depends on it."""


class InThisProcess:
    """Makes the runs itself: quicker to debug, but a crash takes the session along."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._bench = Bench(setup)
        self.describe, self.close = self._bench.describe, self._bench.close
        self.reproduce = self._bench.reproduce

    @property
    def failed(self) -> Any:
        """Bench.failed."""
        return self._bench.failed

    def run(self, job: Job) -> tuple[GuestRun, Any]:
        """Make a run; it, and its machine."""
        _bring(job, self._setup.cache, self._bench)
        return self._bench.run(job)

    def open(self, job: Job) -> Any:
        """A machine to be used by hand."""
        _bring(job, self._setup.cache, self._bench)
        return self._bench.open(job)

    def close_all(self) -> None:
        """Forks that nobody has closed go with the last that is known of them."""

    def stop(self) -> None:
        """There is nothing to stop."""


class ChildProcess:
    """One child, one request at a time, from any thread. ``patience_s``: of the host's time, a request."""

    def __init__(self, setup: Setup, patience_s: float | None) -> None:
        self._setup = setup
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._children = 0
        self.failed: RemoteObject | None = None
        """The machine that did not come through the latest boot."""

    @property
    def pid(self) -> int:
        """Of the child that serves the next request."""
        return self._running().pid

    def run(self, job: Job) -> tuple[GuestRun, RemoteObject]:
        """Make a run; it, and its machine. EngineDied when the child does not survive it."""
        __tracebackhide__ = True
        _bring(job, self._setup.cache, self)
        reply = self.ask(Request("run", arguments=(job,)))
        return reply.value, RemoteObject(self, reply.kept)

    def open(self, job: Job) -> Any:
        """A machine in the child; use it as a hv.live.LiveMachine."""
        __tracebackhide__ = True
        _bring(job, self._setup.cache, self)
        return RemoteObject(self, self.ask(Request("open", arguments=(job,))).kept)

    def boot_key(self, job: Job) -> str | None:
        """Boots.key."""
        return cast("str | None", self.ask(Request("boot_key", arguments=(job,))).value)

    def boot(self, job: Job, key: str) -> None:
        """Boots.boot."""
        __tracebackhide__ = True
        self.ask(Request("boot", arguments=(job, key)))

    def describe(self, machine: RemoteObject) -> GuestRun:
        """What came of it so far."""
        run = machine._ask("describe")
        assert isinstance(run, GuestRun)
        return run

    def reproduce(self, machine: RemoteObject, folder: Path) -> Reproduced:
        """Bench.reproduce."""
        return cast(Reproduced, machine._ask("reproduce", folder))

    def close(self, machine: RemoteObject) -> None:
        """It is not needed any more."""
        if self._alive():
            machine._ask("close")

    def close_all(self) -> None:
        """Nothing that was opened is needed any more: forks, too."""
        if self._alive():
            self.ask(Request("close_all"))

    def ask(self, request: Request) -> Reply:
        """One request and its reply; an error in the reply is raised here."""
        __tracebackhide__ = True
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                send(process.stdin, request)  # type: ignore[arg-type]
                self._await_answer(process.stdout.fileno())
                reply: Reply = receive(process.stdout)  # type: ignore[arg-type]
            except (EOFError, BrokenPipeError, ConnectionResetError):
                self._process = None
                raise EngineDied(_obituary(process)) from None
            except (
                BaseException
            ):  # too late, or interrupted: the reply would answer the next request
                self.stop()
                raise
        if reply.error is not None:
            self.failed = RemoteObject(self, reply.kept) if reply.kept else None
            raise reply.error
        return reply

    def _await_answer(self, answers: int) -> None:
        """Between two requests nothing is on its way: what comes first is the answer."""
        poll = select.poll()
        poll.register(answers, select.POLLIN)
        if not poll.poll(None if self._patience_s is None else self._patience_s * _MS):
            raise EngineHung(
                f"the process that ran the machine gave no answer for {self._patience_s:g} s of the "
                "host's time and was killed: a hang of its own, or --hv-timeout is too short"
            )

    def stop(self) -> None:
        """End the child, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if not self._alive():
            self.stop()
            self._process = self._start()
        assert self._process is not None
        return self._process

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> "subprocess.Popen[bytes]":
        """A child that numbers its machines as none before it."""
        self._children += 1
        process = subprocess.Popen(
            [sys.executable, "-m", "hv.testing.worker", str(self._children << 32)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # whoever asks it something will find out
            send(process.stdin, self._setup)  # type: ignore[arg-type]
        return process


def _obituary(process: "subprocess.Popen[bytes]") -> str:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_DYING_S)
    process.kill()
    process.communicate()
    code = process.returncode
    if code < 0:
        return f"the process that ran the machine died by {signal.Signals(-code).name}"
    return f"the process that ran the machine ended with code {code}"


class _Booting(Protocol):
    """Where machines are brought to what tests begin with."""

    def boot_key(self, job: Job) -> str | None:
        """Boots.key."""

    def boot(self, job: Job, key: str) -> None:
        """Boots.boot."""


def _bring(job: Job, cache: Path | None, where: _Booting) -> None:
    """Have what ``job`` begins with; of several processes one boots, and the others wait for its file."""
    __tracebackhide__ = True
    key = where.boot_key(job) if job.after is not None else None
    if key is None:
        return
    with locked(cache / (key + LOCK)) if cache is not None else nullcontext():
        where.boot(job, key)


Runner = ChildProcess | InThisProcess


def make_runner(in_process: bool, setup: Setup, patience_s: float | None) -> Runner:
    """What makes the runs of a session."""
    return InThisProcess(setup) if in_process else ChildProcess(setup, patience_s)
