"""What hangs on a pytest configuration."""

import pytest

from hv.testing.session import TestSession

SESSION = pytest.StashKey[TestSession]()
