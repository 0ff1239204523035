"""The records of a journal (``hv.journal/1``): JSON lines, a header first, the end last.

Instructions are counted since power-on. ``until`` is how far the host had asked the machine to run when it
stopped at ``insns``: asked the same, it stops at the same place. Times are virtual ns.
"""

from typing import Annotated, Literal

import msgspec

from hv.config import MachineConfig
from hv.root.mouse_hand import MouseEvent

LONGEST_RUN = 1 << 62
_LONGEST_TEXT = 1 << 16
_MOST_PARTS = 256

Count = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_RUN)]
Text = Annotated[str, msgspec.Meta(max_length=_LONGEST_TEXT)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Parts = Annotated[
    dict[Text, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]],
    msgspec.Meta(max_length=_MOST_PARTS),
]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine is built from and what is arranged before its first instruction."""

    config: MachineConfig
    image: Text | None = None
    """A file, or @name of a sample."""
    format: Text | None = None
    origin: int | None = None
    mode: Literal[16, 32, 64] | None = None
    command_line: Text = ""
    initrd: tuple[Text, ...] = ()
    keys: Text = ""
    mouse: tuple[MouseEvent, ...] = ()
    at: tuple[Text, ...] = ()


class FileDigest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that the machine was built from, by its SHA-256."""

    path: Text
    sha256: Digest


class ImageDigest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was booted: a digest of all that the loader made of it, and where it is small, all of it."""

    sha256: Digest
    content: bytes | None = None


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="header"):
    """What was run. ``every``: instructions between two checks at least, see ``next_check``."""

    schema: Literal["hv.journal/1"]
    versions: dict[str, str]
    start: Literal["power-on"]
    recipe: Recipe
    image: ImageDigest | None
    files: tuple[FileDigest, ...]
    cost_model: Text
    every: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_RUN)]


class Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A moment between two slices of the run."""

    insns: Count
    until: Count
    vtime_ns: Count


class Serial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="serial"):
    """Bytes that a serial port took from the other end of its line."""

    port: Literal["com1", "com2"]
    data: bytes


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="keys"):
    """Typing, as ``--keys`` writes it, queued behind what is still to be typed."""

    text: Text


class Mouse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="mouse"):
    """Moves and clicks at times since power-on."""

    events: tuple[MouseEvent, ...]


class Deed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="deed"):
    """An action of the host, as ``--at`` writes it; its time is since power-on."""

    text: Text


class Disc(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="disc"):
    """A disc put into the drive ``lun`` of the SCSI bus, or taken out by force."""

    lun: int
    file: FileDigest | None


HostInput = Serial | Keys | Mouse | Deed | Disc


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="input"):
    """The host gave something to the machine."""

    at: Stamp
    what: HostInput


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="check"):
    """Digests of the state, part by part (hv.root.journal.state)."""

    at: Stamp
    parts: Parts


class Finish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="end"):
    """How the run ended. ``state_hash`` is the result's."""

    at: Stamp
    outcome: Text
    guest_code: int | None
    detail: Text
    state_hash: Digest
    parts: Parts


Event = Input | Check | Finish
Record = Header | Input | Check | Finish


def next_check(insns: int, every: int) -> int:
    """When to look again: checks thin out as the run gets longer, so that their cost stays a small share."""
    return insns + max(every, insns // 4)
