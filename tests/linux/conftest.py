"""Debian's kernels for the tests marked ``linux``, or a skip that says how to get them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.linux import initramfs, packages

_T = TypeVar("_T")


def _from_cache(ask: Callable[[], _T]) -> _T:
    """What the cache answers. In CI, which has filled it, a gap is a failure."""
    try:
        return ask()
    except packages.PackageError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(params=list(packages.KERNELS))
def flavour(request: pytest.FixtureRequest) -> str:
    """Each of Debian's kernels in turn."""
    return str(request.param)


@pytest.fixture
def debian_kernel(flavour: str) -> Path:
    """The bzImage of ``flavour``."""
    return _from_cache(lambda: packages.kernel(flavour))


@pytest.fixture
def debian_initramfs(flavour: str, tmp_path: Path) -> Path:
    """The boot tests' initramfs for ``flavour``."""
    path = tmp_path / "initramfs.cpio"
    path.write_bytes(_from_cache(lambda: initramfs.build(flavour)))
    return path
