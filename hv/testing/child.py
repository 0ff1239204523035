"""A session's child process, as the session sees it: started when first needed, replaced when it dies."""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from hv.errors import InternalError
from hv.testing.bench import Bench, Setup
from hv.testing.guest_run import GuestRun, Job
from hv.testing.remote import RemoteObject
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
        self._bench = Bench(setup)
        self.run, self.open = self._bench.run, self._bench.open
        self.describe, self.close = self._bench.describe, self._bench.close

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

    @property
    def pid(self) -> int:
        """Of the child that serves the next request."""
        return self._running().pid

    def run(self, job: Job) -> GuestRun:
        """Make a run. EngineDied when the child does not survive it."""
        __tracebackhide__ = True
        run = self.ask(Request("run", arguments=(job,))).value
        assert isinstance(run, GuestRun)
        return run

    def open(self, job: Job) -> Any:
        """A machine in the child; use it as a hv.live.LiveMachine."""
        return RemoteObject(self, self.ask(Request("open", arguments=(job,))).kept)

    def describe(self, machine: RemoteObject) -> GuestRun:
        """What came of it so far."""
        run = machine._ask("describe")
        assert isinstance(run, GuestRun)
        return run

    def close(self, machine: RemoteObject) -> None:
        """It is not needed any more."""
        machine._ask("close")

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
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                self.stop()
            self._process = self._start()
        return self._process

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


Runner = ChildProcess | InThisProcess


def make_runner(in_process: bool, setup: Setup, patience_s: float | None) -> Runner:
    """What makes the runs of a session."""
    return InThisProcess(setup) if in_process else ChildProcess(setup, patience_s)
