"""Whatever the bytes, the answer is an image or a ConfigError of one line."""

import struct
from collections.abc import Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hv.errors import ConfigError
from hv.loaders import KINDS, BootImage, LoadOptions, Mode, load_bytes
from tests.loaders.images import (
    MIB,
    ElfImage,
    ElfSegment,
    boot_sector,
    bzimage,
    elf_note,
    linux_elf,
    multiboot_header,
    with_size,
)
from tests.loaders.test_linux_image import CODECS

MEMORY = 32 * MIB

ELF32 = ElfImage(
    32,
    MIB,
    [ElfSegment(MIB, multiboot_header() + b"\xf4"), ElfSegment(2 * MIB, b"x", memsz=4096)],
    functions={"start": MIB},
).build()
ELF64 = ElfImage(
    64,
    MIB,
    [ElfSegment(MIB, b"\xf4"), ElfSegment(0, elf_note(b"Xen", 6, b"linux\0"), type=4)],
    functions={"start": MIB},
).build()
SEEDS = [
    ELF32,
    ELF64,
    linux_elf(),
    boot_sector(),
    bytes(16) + multiboot_header(0x10000, MIB, MIB, MIB + 40, MIB + 4096, MIB + 32) + b"\xf4" * 16,
    *(bzimage(with_size(pack(linux_elf()), linux_elf())) for pack in CODECS.values()),
]

Change = tuple[float, bytes]
EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63]
numbers = st.sampled_from(EDGES).map(lambda value: struct.pack("<Q", value))
words = st.tuples(numbers, st.sampled_from([1, 2, 4, 8])).map(lambda pair: pair[0][: pair[1]])
changes = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.one_of(words, st.binary(min_size=1, max_size=8))
    ),
    min_size=1,
    max_size=6,
)


def mutate(seed: bytes, edits: list[Change], keep: float) -> bytes:
    """``seed`` with bytes changed, most often in its headers, then cut to the fraction ``keep``."""
    data = bytearray(seed)
    for place, new in edits:
        offset = int(place * place * len(data))
        data[offset : offset + len(new)] = new
    return bytes(data[: int(len(data) * keep)])


def outcome(data: bytes, options: LoadOptions) -> None:
    """Load; check what both endings promise."""
    try:
        image = load_bytes(data, options, name="guest")
    except ConfigError as error:
        complaint = str(error)
    else:
        check_image(image, options.memory)
        return
    assert complaint.startswith("guest: ")
    assert "\n" not in complaint


def check_image(image: BootImage, memory: int) -> None:
    assert (image.entry is None) != (image.disk is None)
    assert dict(image.symbols.functions) is not None
    top = 0
    for segment in sorted(image.segments, key=lambda s: s.gpa):
        assert segment.gpa >= top
        assert len(segment.data) <= segment.size
        top = segment.end
    assert top <= memory


fuzz = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
formats = st.sampled_from([None, *(kind.name for kind in KINDS)])


@fuzz
@given(st.sampled_from(SEEDS), changes, st.one_of(st.just(1.0), st.floats(0, 1)), formats)
def test_a_damaged_image_is_loaded_or_refused(
    seed: bytes, edits: list[Change], keep: float, kind: str | None
) -> None:
    outcome(mutate(seed, edits, keep), LoadOptions(memory=MEMORY, format=kind))


@fuzz
@given(st.binary(max_size=2048), formats)
@example(b"", None)
def test_noise_is_loaded_or_refused(data: bytes, kind: str | None) -> None:
    outcome(data, LoadOptions(memory=MEMORY, format=kind))


@fuzz
@given(st.integers(-(1 << 70), 1 << 70), st.sampled_from(list(Mode)), st.integers(0, 1 << 40))
def test_a_flat_binary_goes_anywhere_or_is_refused(origin: int, mode: Mode, memory: int) -> None:
    options = LoadOptions(memory=memory, format="flat", origin=origin, mode=mode)
    outcome(b"\xf4" * 64, options)


@fuzz
@given(st.text(max_size=100), st.sampled_from(SEEDS))
def test_any_command_line_is_passed_on_or_refused(line: str, seed: bytes) -> None:
    outcome(seed, LoadOptions(memory=MEMORY, command_line=line))


@fuzz
@given(st.sampled_from(list(CODECS.values())), changes, st.integers(0, 0xFFFFFFFF))
def test_a_damaged_payload_is_unpacked_or_refused(
    pack: Callable[[bytes], bytes], edits: list[Change], size: int
) -> None:
    payload = mutate(pack(linux_elf()), edits, 1.0) + struct.pack("<I", size)
    outcome(bzimage(payload), LoadOptions(memory=MEMORY))
