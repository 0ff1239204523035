"""The loader on Debian's own kernels; what they do when they run is for the boot tests."""

import hashlib
from pathlib import Path

import pytest

from hv.errors import ConfigError
from hv.loaders import LoadOptions, Mode, load, load_bytes
from hv.loaders.bzimage import read_header
from hv.loaders.payload import find_codec, unpack_payload

MIB = 1 << 20
pytestmark = pytest.mark.linux


def test_a_debian_kernel_is_recognised_unpacked_and_entered(
    flavour: str, debian_kernel: Path, debian_initramfs: Path
) -> None:
    options = LoadOptions(
        memory=128 * MIB, command_line="console=ttyS0", initrd=(debian_initramfs,)
    )
    image = load(debian_kernel, options)
    assert image.kind == "linux"
    assert debian_kernel.name.removeprefix("vmlinuz-") in image.summary[0]
    assert "payload unpacked" in image.summary[0]
    entry = image.entry
    assert entry is not None
    assert entry.mode is Mode.LONG64
    assert any(s.gpa <= entry.rip < s.end and s.data[0] for s in image.segments)


def test_the_same_kernel_gives_the_same_memory(debian_kernel: Path) -> None:
    options = LoadOptions(memory=128 * MIB, command_line="console=ttyS0")
    digests = []
    for _ in range(2):
        digest = hashlib.sha256()
        for segment in load(debian_kernel, options).segments:
            digest.update(b"%d %d " % (segment.gpa, segment.size))
            digest.update(segment.data)
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


def test_its_elf_is_a_vmlinux_of_its_own_right(debian_kernel: Path) -> None:
    data = memoryview(debian_kernel.read_bytes())
    header = read_header(data)
    start = header.setup_size + header.payload_offset
    payload = data[start : start + header.payload_length]
    codec = find_codec(payload)
    assert codec is not None
    elf = unpack_payload(codec, payload)
    options = LoadOptions(memory=128 * MIB, command_line="console=ttyS0")
    vmlinux = load_bytes(elf, options, name="vmlinux")
    assert vmlinux.kind == "linux"
    assert vmlinux.entry is not None
    assert vmlinux.entry.rip == 0x1000000


def test_a_small_machine_is_told_how_much_it_takes(debian_kernel: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs \d+ MiB, has 32 MiB: use --memory"):
        load(debian_kernel, LoadOptions(memory=32 * MIB))
