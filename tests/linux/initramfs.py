"""The initramfs of the boot tests: the init scripts beside this file and the modules they load."""

import re
from pathlib import Path

from hv.root.linux_guest import initramfs
from hv.root.linux_guest.packages import NEWER
from tests.linux.packages import FETCHED

INIT = Path(__file__).with_name("init")
CHECKS = tuple(INIT.with_name(name) for name in ("init-pc", "init-hv"))
"""What ``INIT`` reads in."""

ASK_INIT = {"poweroff": "USR2", "reboot": "TERM"}
"""What the kernel runs from /sbin to end in order: each sends process 1 the signal that init systems know."""

_MARK = re.compile(rb"^MARK (\w+)=([^\r\n]*)", re.MULTILINE)

_SYNTHETIC = (
    *("hv_vmbus", "hv_storvsc", "hyperv-keyboard", "hid-hyperv", "hid-generic", "hv_utils"),
    *("sr_mod", "isofs"),
)
_CLOUD = ("evdev", "serio_raw", "pata_legacy", "ata_piix", "sd_mod", *_SYNTHETIC)
MODULES = {
    "cloud": _CLOUD,
    NEWER: _CLOUD,
    "generic": (
        *("evdev", "psmouse", "pata_legacy", "ata_piix", "sd_mod", *_SYNTHETIC),
        *("ext4", "crc32c_generic"),
    ),
}
"""What the init scripts load, by kernel flavour; the rest of what they use is in the kernel."""


def build(flavour: str = "cloud", *, init: Path = INIT) -> bytes:
    """Busybox, ``init`` and the modules that the scripts load, for a Debian kernel."""
    programs = {
        "init": init.read_bytes(),
        **{path.name: path.read_bytes() for path in CHECKS},
        **{
            f"sbin/{name}": f"#!/bin/sh\nkill -{signal} 1\n".encode()
            for name, signal in ASK_INIT.items()
        },
    }
    return initramfs.build(FETCHED, flavour, programs=programs, modules=MODULES[flavour])


def marks(console: bytes) -> dict[str, str]:
    """What the init script reported: key -> value, the last one where a key comes twice."""
    return {key.decode(): value.decode("utf-8", "replace") for key, value in _MARK.findall(console)}
