"""Machines that were brought somewhere once and go on from there many times.

A boot is known by everything that decides it: the machine as it is at power-on (its image, its disks' content
and all options are in that), the steps, and the code that runs it. Checkpoints lie in pytest's cache; what
cannot be read there is made anew.
"""

import hashlib
import os
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from hv.errors import ConfigError
from hv.testing.guest_run import Job, asked_for
from hv.testing.steps import Step, do_steps, split_steps

if TYPE_CHECKING:
    from hv.cpu.engine.coverage import RunBlock
    from hv.live import Snapshot
    from hv.testing.tested import TestedMachine, Wishes

KEPT_IN_MEMORY = 4
"""Snapshots of a process: each holds the machine's whole memory."""

KEPT_IN_FILES = 64
"""Checkpoints in the cache; those that were not used for longest go first."""

LOCK = ".lock"
_SUFFIX, _CODE, _PARTIAL = ".checkpoint", ".code", ".partial"
_DIGEST = 32
_CODE_PACKAGES = ("hv", "hv_devices")
_CODE_SUFFIXES = frozenset({".py", ".so", ".toml"})


class Boots:
    """The boots of one process. ``folder`` is the cache; without one, they are kept in memory only."""

    def __init__(self, folder: Path | None, wishes: "Wishes") -> None:
        self._folder = folder
        self._wishes = wishes
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._waiting: tuple[str, TestedMachine] | None = None

    def key(self, job: Job) -> str | None:
        """The name of the checkpoint that ``job`` begins with, empty without a cache; None: it is here."""
        name = _asked(job)
        if name in self._snapshots:
            return None
        machine = self._begin(name, job)
        if self._folder is None:
            return ""
        partial = _partial_file(self._folder)
        try:
            machine.save(partial)
            digest = hashlib.sha256(partial.read_bytes())
        finally:
            partial.unlink()
        digest.update(repr((shared_steps(job), job.max_insns, sys.byteorder)).encode())
        digest.update(_code_digest())
        return digest.hexdigest()

    def boot(self, job: Job, key: str) -> None:
        """Have its beginning here. GuestError when the machine does not come through its steps."""
        name = _asked(job)
        snapshot = self._read(job, key) if key else None
        self._snapshots[name] = snapshot or self._make(name, job, key)
        self._forget()
        if len(self._snapshots) > KEPT_IN_MEMORY:
            self._snapshots.popitem(last=False)

    def failed(self) -> "TestedMachine":
        """The machine that did not come through its steps, just now."""
        assert self._waiting is not None
        machine, self._waiting = self._waiting[1], None
        return machine

    def machine(self, job: Job) -> "TestedMachine":
        """A machine that goes on from a beginning that is here, its input given."""
        name = _asked(job)
        self._snapshots.move_to_end(name)
        machine = self._snapshots[name].machine()
        assert job.after is not None
        do_steps(machine, split_steps(job.after)[1], job.max_insns)
        return cast("TestedMachine", machine)

    def _begin(self, name: str, job: Job) -> "TestedMachine":
        """At power-on."""
        from hv.testing.tested import TestedMachine

        if self._waiting is None or self._waiting[0] != name:
            self._forget()
            machine = TestedMachine(job, self._wishes)
            self._waiting = name, machine
            for disk in machine.internal.config.disks:
                if disk.mode == "rw":
                    raise ConfigError(
                        f"{disk.path}: tests that share a boot cannot write to a file"
                    )
        return self._waiting[1]

    def _forget(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[1].discard()

    def _make(self, name: str, job: Job, key: str) -> "Snapshot":
        machine = self._begin(name, job)
        do_steps(machine, shared_steps(job), job.max_insns)
        self._waiting = None
        if self._folder is not None and key:
            with suppress(OSError):
                self._write(machine, key)
                _prune(self._folder)
        snapshot = machine.snapshot()
        machine.discard()
        return snapshot

    def _write(self, machine: "TestedMachine", key: str) -> None:
        assert self._folder is not None
        if self._wishes.leave:
            code = msgspec.msgpack.encode(machine.ran())
            partial = _partial_file(self._folder)
            partial.write_bytes(hashlib.sha256(code).digest() + code)
            partial.replace(self._folder / (key + _CODE))
        partial = _partial_file(self._folder)
        machine.save(partial)
        partial.replace(self._folder / (key + _SUFFIX))

    def _read(self, job: Job, key: str) -> "Snapshot | None":
        from hv.testing.tested import TestedMachine

        assert self._folder is not None
        path = self._folder / (key + _SUFFIX)
        ran = self._read_code(key) if self._wishes.leave else ()
        if ran is None or not path.is_file():
            return None
        with suppress(OSError):
            os.utime(path)
        try:
            return TestedMachine.open(path, job, self._wishes, ran)
        except ConfigError:
            return None

    def _read_code(self, key: str) -> "Iterable[RunBlock] | None":
        from hv.cpu.engine.coverage import RunBlock

        assert self._folder is not None
        try:
            content = (self._folder / (key + _CODE)).read_bytes()
            if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
                return None
            return msgspec.msgpack.decode(content[_DIGEST:], type=list[RunBlock])
        except (OSError, msgspec.MsgspecError):
            return None


def shared_steps(job: Job) -> tuple[Step, ...]:
    """What is done once for all jobs that begin so."""
    assert job.after is not None
    return split_steps(job.after)[0]


def _asked(job: Job) -> str:
    return repr((asked_for(job), shared_steps(job), job.max_insns))


def _partial_file(folder: Path) -> Path:
    handle, name = tempfile.mkstemp(_PARTIAL, dir=folder)
    os.close(handle)
    return Path(name)


def _code_digest() -> bytes:
    """This package and its chips: another version of them may boot otherwise."""
    digest = hashlib.sha256()
    for package in _CODE_PACKAGES:
        found = find_spec(package)
        assert found is not None
        folder = Path(str(found.origin)).parent
        for path in sorted(folder.rglob("*")):
            if path.suffix in _CODE_SUFFIXES:
                digest.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
    return digest.digest()


def _prune(folder: Path) -> None:
    """Let the oldest go, with what belongs to them."""
    kept = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-KEPT_IN_FILES]:
        for suffix in (_SUFFIX, _CODE, LOCK):
            path.with_suffix(suffix).unlink(missing_ok=True)
