"""What hangs on a pytest configuration."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hv.testing.session import TestSession

PARTS = pytest.StashKey[Path]()
"""The folder where this process leaves parts of coverage."""

SESSION: "pytest.StashKey[TestSession]" = pytest.StashKey()
