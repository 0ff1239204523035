"""The records of a journal (``hv.journal/2``): JSON lines, a header first, the end last.

Instructions are counted since power-on, times are virtual ns since then.
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


class PowerOn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="power-on"):
    """A run from its machine's first instruction. ``files``: those that are named beside the image."""

    recipe: Recipe
    image: ImageDigest | None
    files: tuple[FileDigest, ...]


class Resumed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="checkpoint"):
    """A run that goes on from a checkpoint's file."""

    checkpoint: FileDigest


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="header"):
    """What was run. ``every``: instructions between two checks at least, see ``next_check``."""

    schema: Literal["hv.journal/2"]
    versions: dict[str, str]
    start: PowerOn | Resumed
    cost_model: Text
    every: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_RUN)]


Standing = Literal["boundary", "stopped", "ended"]


class Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A moment at which the machine did not run. ``exits``: how many there were, which tells moments apart
    between which nothing has retired.

    ``stands``: between two blocks, where a debugger's stop has put it (in the middle of a block, or before
    the look at timers and interrupts that comes first in one), or behind the run's own end.
    """

    insns: Count
    vtime_ns: Count
    exits: Count
    stands: Standing = "boundary"


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


class Gesture(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="gesture"):
    """Moves and clicks at times from now on, behind what the mouse has still to do."""

    events: tuple[MouseEvent, ...]


class Deed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="deed"):
    """An action of the host, as ``--at`` writes it; its time is since power-on."""

    text: Text


class MediumFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file"):
    """A medium that is a file of the host's; ``sha256`` is None until somebody asks what it holds."""

    path: Text
    sha256: Digest | None = None


class MediumBytes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bytes"):
    """A medium that lives in memory, packed by zstd."""

    packed: bytes


Medium = MediumFile | MediumBytes


class Disc(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="disc"):
    """A disc put into the drive ``lun`` of the SCSI bus, or the first there is, instead of what was in it."""

    lun: int | None
    medium: Medium


class Eject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="eject"):
    """The disc taken out of such a drive, where the guest lets go of it; with ``force`` in any case."""

    lun: int | None
    force: bool


class Floppy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="floppy"):
    """The floppy in a drive changed; None takes it out."""

    drive: int
    medium: Medium | None


class ShutdownRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="shutdown"):
    """The guest asked to shut down, by its integration service."""

    reboot: bool
    reason: Text


class PowerButton(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="power-button"):
    """The button at the front."""


class Nmi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="nmi"):
    """One non-maskable interrupt."""


class MemoryWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="memory"):
    """Bytes put into RAM."""

    gpa: int
    data: bytes


class RegisterSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="register"):
    """A register of the processor set, by its name; of the value 64 bits."""

    name: Text
    value: int


HostInput = (
    Serial
    | Keys
    | Mouse
    | Gesture
    | Deed
    | Disc
    | Eject
    | Floppy
    | ShutdownRequest
    | PowerButton
    | Nmi
    | MemoryWrite
    | RegisterSet
)


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="input"):
    """The host gave something to the machine. ``answer``: what came of it (``HostHand.give``)."""

    at: Stamp
    what: HostInput
    answer: int = 0


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
