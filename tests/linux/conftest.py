"""Debian's kernels for the tests marked ``linux``; a gap in the cache is an error that says what to do."""

from pathlib import Path

import pytest

from hv.root.linux_guest.packages import KERNELS
from tests.linux import initramfs
from tests.linux.packages import FETCHED


@pytest.fixture(params=list(KERNELS))
def flavour(request: pytest.FixtureRequest) -> str:
    """Each of Debian's kernels in turn."""
    return str(request.param)


@pytest.fixture
def debian_kernel(flavour: str) -> Path:
    """The bzImage of ``flavour``."""
    return FETCHED.kernel(flavour)


@pytest.fixture
def debian_initramfs(flavour: str, tmp_path: Path) -> Path:
    """The boot tests' initramfs for ``flavour``."""
    path = tmp_path / "initramfs.cpio"
    path.write_bytes(initramfs.build(flavour))
    return path
