"""What can be compared: the project's own pairs, and the Linux works when they are named."""

from pathlib import Path

from hv.errors import ConfigError
from hv.root.comparison import WorkReport
from hv.root.linux_guest.report import packages_of, run_linux
from hv.root.linux_guest.works import FAMILY, LinuxWork, find_linux_works, is_linux
from hv.root.pair_run import run_pair
from hv.root.pairs import Pair, find_pairs

Work = Pair | LinuxWork


def find_works(patterns: list[str], linux: Path | None) -> list[Work]:
    """The works that match, pairs first; all pairs when there is no pattern.

    ``linux``: the folder of Debian's packages. ConfigError for a pattern that matches none.
    """
    for_linux = [pattern for pattern in patterns if is_linux(pattern)]
    others = [pattern for pattern in patterns if not is_linux(pattern)]
    pairs = find_pairs(others) if others or not for_linux else []
    return [*pairs, *find_linux_works(for_linux, str(linux or ""))]


def list_works(patterns: list[str]) -> list[Work]:
    """As ``find_works``, but without a pattern the Linux works, too."""
    return find_works(patterns or ["*", f"{FAMILY}*"], None)


def check_work(work: Work) -> None:
    """What can be found missing without running it. ConfigError in one line."""
    if isinstance(work, LinuxWork):
        try:
            packages_of(work).check()
        except ConfigError as error:
            raise ConfigError(f"{work.name}: {error}") from None


def run_work(work: Work, cost_model: str | None = None) -> WorkReport:
    """Run every path of ``work``."""
    if isinstance(work, LinuxWork):
        return run_linux(work, cost_model)
    return run_pair(work, cost_model)
