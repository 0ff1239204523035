"""Checkpoints: a machine's whole state in one file, and machines that go on from it.

A checkpoint is taken when ``Machine.run`` has returned, or where a debugger has stopped. Everything needed
to go on is inside, but for disk images and a cost model of the user's, which are known by their content.
``Snapshot`` is the same without a file: any number of machines can start from one, and share memory until
they write.
"""

from pathlib import Path

from hv.root.checkpoint.format import is_checkpoint, read_sections, write_sections
from hv.root.checkpoint.notes import Notes
from hv.root.checkpoint.pages import SHARED_FOLDER, PagePool
from hv.root.checkpoint.snapshot import (
    NO_NOTES,
    Snapshot,
    pages_of,
    sections_of,
    symbols_of,
)
from hv.root.machine import Machine, Outputs
from hv.root.schedule import Report

__all__ = [
    "Notes",
    "Snapshot",
    "is_checkpoint",
    "load_checkpoint",
    "open_checkpoint",
    "save_checkpoint",
]


def save_checkpoint(
    machine: Machine, path: Path, *, shared_pages: bool = False, notes: Notes = NO_NOTES
) -> None:
    """Write ``machine`` to ``path``. ConfigError when it cannot be saved or written.

    With ``shared_pages`` its pages go to the folder ``pages`` beside it, where all checkpoints of that folder
    have theirs.
    """
    pool = PagePool()
    sections = sections_of(machine, pool, notes) | symbols_of(machine.symbols)
    pages = pages_of(pool)
    if shared_pages:
        pool.share(path.parent / SHARED_FOLDER)
        del pages["pages"]
    write_sections(path, sections | pages)


def open_checkpoint(path: Path) -> Snapshot:
    """Read and check a checkpoint. ConfigError, one line, for whatever is not as it was written."""
    return Snapshot(read_sections(path), path)


def load_checkpoint(
    path: Path, outputs: Outputs | None = None, report: Report = lambda _text: None
) -> Machine:
    """The machine in a checkpoint, ready to run on."""
    return open_checkpoint(path).machine(outputs, report)
