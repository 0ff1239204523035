"""What the tests marked ``linux`` and the benchmarks boot: packages in ``.cache/linux`` beside the checkout.

``python -m tests.linux.packages`` fills it, with all flavours or those named; the tests only look there and
need neither network nor apt.
"""

import sys
from pathlib import Path

from hv.errors import ConfigError
from hv.root.linux_guest.fetch import fetch
from hv.root.linux_guest.packages import FLAVOURS, Packages

FETCHED = Packages(Path(__file__).resolve().parents[2] / ".cache" / "linux")


def main() -> int:
    """Fill the cache; arguments are flavours (none: all)."""
    flavours = sys.argv[1:] or list(FLAVOURS)
    try:
        fetch(FETCHED.folder, flavours, lambda line: print(line, file=sys.stderr))
        kernels = [FETCHED.kernel(flavour) for flavour in flavours]
    except ConfigError as error:
        print(f"fetch-linux: {error}", file=sys.stderr)
        return 1
    print(*kernels, FETCHED.busybox(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
