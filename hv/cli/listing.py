"""``hv guests`` and ``hv info``: what there is, and what an image is."""

from pathlib import Path

from hv.cli.request import load_options
from hv.config import parse_size
from hv.root.images import load_image
from hv.root.pairs import find_guest
from hv.root.samples import all_samples


def list_guests() -> int:
    """One line a sample."""
    samples = all_samples()
    width = max(len(sample.name) for sample in samples)
    for sample in samples:
        print(f"@{sample.name:{width}}  {sample.shows}")
    return 0


def show_info(
    image: str, format: str | None, origin: str | None, mode: int | None, memory: str
) -> int:
    """What the loader recognised, where it would put things, how it would start."""
    size = parse_size(memory)
    if image.startswith("@"):
        loaded = find_guest(image[1:]).boot_image(size)
    else:
        loaded = load_image(Path(image), load_options(size, format, origin, mode))
    print(f"{loaded.name}: {loaded.kind}")
    for line in loaded.summary:
        print(f"  {line}")
    for segment in loaded.segments:
        print(f"  memory {segment.gpa:#010x}..{segment.end:#010x} ({len(segment.data)} bytes)")
    if loaded.entry is not None:
        entry = loaded.entry
        print(f"  enters {entry.mode.name} at {entry.cs:04x}:{entry.rip:#x}")
    if loaded.disk is not None:
        print(f"  boots through the firmware as drive {'A' if loaded.disk.floppy else 'C'}")
    return 0
