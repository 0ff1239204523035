"""Running a journal again, and telling where the run stops being the one that was recorded."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from hv.errors import ConfigError
from hv.root.journal.builders import Builder, RecipeBuilder, from_checkpoint
from hv.root.journal.file import Journal
from hv.root.journal.host import HostHand
from hv.root.journal.media import find_media
from hv.root.journal.moment import come_to, differs
from hv.root.journal.recipe import (
    current_image,
    image_sha256,
    kept_image,
    located,
    named_files,
)
from hv.root.journal.recorder import versions
from hv.root.journal.records import (
    Check,
    Event,
    Finish,
    Header,
    HostInput,
    Input,
    PowerOn,
    Resumed,
    Serial,
    Stamp,
)
from hv.root.journal.state import CLOCK, digests
from hv.root.machine import Machine, Outputs
from hv.root.result import outcome_of
from hv.vp import End, Ending

_ENDED_BY_HOST = frozenset({Ending.BUDGET.value, Ending.STOPPED.value})


@dataclass(frozen=True, slots=True)
class Divergence:
    """The run is not the recorded one: equal up to ``low`` instructions, no longer at ``high``."""

    low: int
    high: int
    parts: tuple[str, ...]
    """Which parts of the machine differ at ``high``; empty when it did not get there."""
    detail: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What a journal is replayed with: the files as they are now, and as they were where it is known."""

    journal: Journal
    """The journal, with media that were put in later where they are now."""
    now: Builder
    recorded: Builder | None
    changed: tuple[str, ...]
    """Files that are not what they were, one line each."""
    notes: tuple[str, ...]
    """What else is not as it was, but need not make a difference."""


def find_sources(journal: Journal, folder: Path) -> Sources:
    """Builders for a journal in ``folder``. ConfigError: what is needed is not there."""
    header, start = journal.header, journal.header.start
    events, replaced = find_media(journal.events, folder)
    notes = _other_versions(header)
    found = Journal(header, events)
    if isinstance(start, Resumed):
        builder = from_checkpoint(start.checkpoint, folder)
        return Sources(found, builder, builder, replaced, notes)
    now, recorded, changed = _power_on_builders(start, folder)
    return Sources(found, now, recorded, (*changed, *replaced), notes)


def _power_on_builders(
    start: PowerOn, folder: Path
) -> tuple[Builder, Builder | None, tuple[str, ...]]:
    """Builders of today's machine and of the recorded one, and which files are not what they were."""
    recipe = located(start.recipe, folder)
    name = recipe.image or "the image"
    was = None if start.image is None else kept_image(start.image, name)
    image, changed = was, []
    if was is None or recipe.image is None or recipe.image[0] == "@" or Path(recipe.image).exists():
        image = current_image(recipe)
        if image_sha256(image) != (None if start.image is None else start.image.sha256):
            changed.append(f"{name} is not the image that was recorded")
    files = named_files(recipe)
    if len(files) != len(start.files):
        raise ConfigError("the journal does not name the files of its own machine")
    moved = [
        f"{now.path} is not the file that was recorded"
        for before, now in zip(start.files, files, strict=True)
        if before.sha256 != now.sha256
    ]
    known = not moved and (start.image is None or was is not None)
    recorded = RecipeBuilder(recipe, was) if known else None
    return RecipeBuilder(recipe, image), recorded, (*changed, *moved)


def _other_versions(header: Header) -> tuple[str, ...]:
    return tuple(
        f"it was recorded with {name} {theirs}, this is {ours}"
        for name, ours in versions().items()
        if (theirs := header.versions.get(name, "(unknown)")) != ours
    )


class Player:
    """One machine that gets the journal's host input at the journal's moments."""

    def __init__(
        self, builder: Builder, events: tuple[Event, ...], outputs: Outputs | None = None
    ) -> None:
        self.machine: Machine = builder.build(outputs)
        self._hand = HostHand(self.machine)
        self._inputs = deque(event for event in events if isinstance(event, Input))

    def run_to(self, until: int) -> End | None:
        """Run to ``until`` instructions, with all input up to there; the end when it comes before."""
        while self._inputs and self._inputs[0].at.insns <= until:
            event = self._inputs.popleft()
            end = self.come_to(event.at)
            if end is not None and event.at.stands != "ended":
                return end
            self.give(event.what)
        if self.machine.insns >= until:
            return None
        end = self.machine.run(until)
        return None if end.ending is Ending.BUDGET else end

    def come_to(self, at: Stamp) -> End | None:
        """Run to a moment of the recorded run without input; the end, as ``moment.come_to`` has it."""
        return come_to(self.machine, at)

    def give(self, what: HostInput) -> int:
        """Give one thing now; the answer is that of ``HostHand.give``."""
        return self._hand.give(what)

    def close(self) -> None:
        """Give back host files."""
        self._hand.close()
        self.machine.close()


class Replay:
    """Compares a machine with a journal, event by event."""

    def __init__(self, journal: Journal, player: Player) -> None:
        self._journal = journal
        self._player = player
        self._equal_to = player.machine.insns

    def run(self) -> Divergence | None:
        """Run to the journal's end; None when everything was equal."""
        for event in self._journal.events:
            divergence = self._finish(event) if isinstance(event, Finish) else self._event(event)
            if divergence is not None:
                return divergence
        return None

    def _event(self, event: Input | Check) -> Divergence | None:
        end = self._player.come_to(event.at)
        if end is not None and event.at.stands != "ended":
            return self._differs(event.at, f"it ends there: {outcome_of(end)[0]} {end.detail}")
        wrong = self._moment(event.at)
        if wrong is not None:
            return wrong
        if isinstance(event, Check):
            return self._compare(event)
        answer = self._player.give(event.what)
        if answer == event.answer:
            return None
        if isinstance(event.what, Serial):
            detail = f"{event.what.port} took {answer} of {len(event.what.data)} bytes"
            return self._differs(event.at, detail, (event.what.port,))
        return self._differs(event.at, f"{event.what} is answered by {answer}, not {event.answer}")

    def _moment(self, at: Stamp) -> Divergence | None:
        wrong = differs(self._player.machine, at)
        on_time = self._player.machine.vtime_ns == at.vtime_ns
        return self._differs(at, wrong, () if on_time else (CLOCK,)) if wrong else None

    def _compare(self, event: Check | Finish) -> Divergence | None:
        now = digests(self._player.machine)
        differing = tuple(
            name
            for name in dict.fromkeys((*now, *event.parts))
            if now.get(name) != event.parts.get(name)
        )
        if differing:
            return self._differs(event.at, "the state differs", differing)
        self._equal_to = event.at.insns
        return None

    def _finish(self, event: Finish) -> Divergence | None:
        by_host = event.outcome in _ENDED_BY_HOST
        at = event.at
        end = self._player.come_to(at)
        outcome, detail, code = event.outcome, event.detail, event.guest_code
        if end is not None:
            outcome, detail = outcome_of(end)[0], end.detail
            code = end.code if end.ending is Ending.DEBUG_EXIT else None
        elif not by_host:
            outcome = "going on"
        if (outcome, code) != (event.outcome, event.guest_code):
            return self._differs(
                at,
                f"the end is {_told(outcome, code)}, not {_told(event.outcome, event.guest_code)}",
            )
        if not by_host and detail != event.detail:
            return self._differs(at, f"it ends with {detail!r}, not {event.detail!r}")
        wrong = self._moment(at) or self._compare(event)
        if wrong is None and self._player.machine.state_hash() != event.state_hash:
            return self._differs(at, "the state hash of the end differs")
        return wrong

    def _differs(self, at: Stamp, detail: str, parts: tuple[str, ...] = ()) -> Divergence:
        return Divergence(self._equal_to, max(at.insns, self._player.machine.insns), parts, detail)


def _told(outcome: str, code: int | None) -> str:
    return outcome if code is None else f"{outcome} {code}"
