"""Ratios measured in one run: medians of interleaved repetitions, both numbers printed."""

import resource
import statistics
from collections.abc import Callable
from dataclasses import dataclass

REPETITIONS = 5


def cpu_seconds() -> float:
    """What this process has used of a processor: less noisy than time on a machine that others use, too."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True)
class Contender:
    """One way to do the work. ``run`` does it once and returns seconds."""

    name: str
    run: Callable[[], float]


def compare(
    title: str, ours: Contender, theirs: Contender, target: str, work: float, unit: str
) -> None:
    """Run both in turn; print medians as ``work``/s in ``unit`` or as seconds, and their ratio."""
    times: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for _ in range(REPETITIONS):
        for contender in (theirs, ours):
            times[contender.name].append(contender.run())
    mine, other = (statistics.median(times[c.name]) for c in (ours, theirs))
    print(f"\n{title} (target: {target})")
    for name, seconds in ((ours.name, mine), (theirs.name, other)):
        rate = f"{work / seconds:12,.1f} {unit}" if work else ""
        spread = max(times[name]) - min(times[name])
        print(f"  {name:34} {seconds:9.4f} s  +-{spread / 2:.4f} {rate}")
    print(f"  ratio of times, ours to theirs     {mine / other:9.2f}")


def alone(title: str, run: Callable[[], float], target: str) -> None:
    """Something that has nothing to be compared with."""
    times = [run() for _ in range(REPETITIONS)]
    print(f"\n{title} (target: {target})")
    print(f"  median {statistics.median(times):.3f} s, best {min(times):.3f} s")
