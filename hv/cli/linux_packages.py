"""``hv linux-packages``: what the Linux comparisons boot, fetched and unpacked."""

import sys
from pathlib import Path

from hv.root.linux_guest.fetch import fetch
from hv.root.linux_guest.packages import default_folder


def fetch_packages(folder: Path | None, flavours: list[str]) -> int:
    """Fill ``folder`` and say what is there."""
    packages = fetch(
        folder or default_folder(), flavours, lambda line: print(f"hv: {line}", file=sys.stderr)
    )
    for flavour in flavours:
        print(packages.kernel(flavour))
    print(packages.busybox())
    return 0
