"""Works in worker processes: the results come back in the order asked for, however many there are."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

from hv.errors import InternalError
from hv.root.compare.works import Work
from hv.root.comparison import WorkReport

Run = Callable[[Work, str | None], WorkReport]
"""Runs one work by a cost model (its name, its file, or None for the built-in one)."""

_START_METHOD = "spawn"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def run_all(
    works: Sequence[Work],
    cost_model: str | None,
    *,
    jobs: int,
    run: Run,
    done: Callable[[], None] = lambda: None,
) -> list[WorkReport]:
    """``run`` for each work, ``jobs`` at a time; ``done`` is called after each, from any thread.

    When several fail, the first in the list is the one that is raised, so that the message does
    not depend on ``jobs``.
    """
    if min(jobs, len(works)) < 2:
        return [_run_here(work, cost_model, run, done) for work in works]
    executor = ProcessPoolExecutor(
        min(jobs, len(works)),
        mp_context=multiprocessing.get_context(_START_METHOD),
        initializer=_leave_interrupts_to_the_parent,
    )
    others = set(multiprocessing.active_children())
    try:
        futures = [executor.submit(run, work, cost_model) for work in works]
        for future in futures:
            future.add_done_callback(lambda ended: None if ended.cancelled() else done())
        return [_result(future, work) for future, work in zip(futures, works, strict=True)]
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()
        raise
    finally:
        executor.shutdown()


def _run_here(work: Work, cost_model: str | None, run: Run, done: Callable[[], None]) -> WorkReport:
    report = run(work, cost_model)
    done()
    return report


def _result(future: Future[WorkReport], work: Work) -> WorkReport:
    try:
        return future.result()
    except BrokenProcessPool:
        raise InternalError(f"a worker process died at or before @{work.name}") from None


def _leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches the whole process group; one process is enough to tell of it."""
    with suppress(ValueError):  # not in a main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
