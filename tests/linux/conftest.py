"""Debian's kernels for the tests marked ``linux``; a gap in the cache is an error that says what to do."""

import os
from functools import cache
from pathlib import Path

import pytest

from hv.root.linux_guest.packages import KERNELS
from tests.linux import initramfs
from tests.linux.booted import STARTS, Booted, BootedKernels
from tests.linux.packages import FETCHED


@pytest.fixture(scope="session")
def booted(tmp_path_factory: pytest.TempPathFactory) -> BootedKernels:
    """``booted(name)``: a kernel of ``STARTS``, booted when a worker of the session first asks for it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    @cache
    def find(name: str) -> Booted:
        folder = shared / name
        folder.mkdir(exist_ok=True)
        return Booted(STARTS[name], folder)

    return find


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
