"""A fresh virtual environment with the built wheel in it; what it depends on comes from this one."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.test_packaging import build_wheel


class Installation:
    """An environment, and a folder to work in."""

    def __init__(self, folder: Path) -> None:
        wheel = build_wheel(folder / "wheel")
        self.bin = folder / "venv" / "bin"
        self._call(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
        python = str(self.bin / "python")
        asked = self._call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        site = Path(asked.stdout.strip())
        options = ("--no-deps", "--no-index", "--quiet")
        self._call(sys.executable, "-m", "pip", "--python", python, "install", *options, str(wheel))
        (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        pytest = self.bin / "pytest"
        pytest.write_text(f"#!{python}\nimport sys, pytest\nsys.exit(pytest.main())\n")
        pytest.chmod(0o755)

    def run(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment, as typed in ``folder``."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        unwanted = ("PYTHONPATH", "CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER")
        environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        return subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=folder,
            env={**environment, "PATH": path, "COLUMNS": "80"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    @staticmethod
    def _call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
