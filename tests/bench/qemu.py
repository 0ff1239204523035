"""QEMU's TCG as the other side, where it is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from hv.clock import host_seconds

QEMU = "qemu-system-x86_64"
TIME_LIMIT_S = 300


def installed() -> bool:
    """Whether there is a QEMU to compare with; says so when not."""
    if shutil.which(QEMU):
        return True
    print(f"\n{QEMU} is not installed: nothing to compare with")
    return False


def run_image(image: bytes, *options: str) -> float:
    """Seconds until QEMU has run a boot image to its debug exit."""
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk.img"
        disk.write_bytes(image)
        start = host_seconds()
        subprocess.run(
            [
                *(QEMU, "-accel", "tcg", "-display", "none", "-m", "64", "-serial", "null"),
                *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
                *("-drive", f"file={disk},format=raw,if=ide", "-net", "none"),
                *options,
            ],
            timeout=TIME_LIMIT_S,
            check=False,
        )
        return host_seconds() - start


def time_until(command: list[str], word: bytes, started: Callable[[], float]) -> float:
    """Seconds until ``word`` appears in the output of ``command``, which is then killed."""
    start = started()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    seen = b""
    assert process.stdout is not None
    try:
        while word not in seen:
            chunk = process.stdout.read1(65536)  # type: ignore[attr-defined]
            if not chunk:
                raise RuntimeError(f"{command[0]} ended without {word!r}")
            seen = seen[-len(word) :] + chunk
        return host_seconds() - start
    finally:
        process.kill()
        process.wait()
