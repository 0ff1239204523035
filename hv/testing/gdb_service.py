"""``--hv-gdb``: a failed test's run in a debugger's hands, at its end, before the next test begins."""

import os
import subprocess
import sys
from typing import Any

import pytest

from hv.debug.server import parse_door
from hv.errors import ConfigError
from hv.testing.keys import SESSION


class GdbService:
    """Serves one run after the other, as ``--pdb`` does for Python; the session waits."""

    def __init__(self, config: pytest.Config) -> None:
        self._address = str(config.getoption("--hv-gdb"))
        try:
            parse_door(self._address)
        except ConfigError as error:
            raise pytest.UsageError(str(error).replace("--gdb", "--hv-gdb", 1)) from None
        if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
            raise pytest.UsageError("--hv-gdb: not with several processes (-n)")

    def pytest_exception_interact(self, node: pytest.Item) -> None:
        """A test has failed; its bundle is there."""
        session = node.config.stash.get(SESSION, None)
        journal = None if session is None else session.journals.get(node.nodeid)
        if journal is None:
            return
        terminal: Any = node.config.pluginmanager.getplugin("terminalreporter")
        capture: Any = node.config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.suspend(in_=True)
        terminal.write_line("")
        terminal.write_line(f"hv: debugging {node.nodeid}; detach to go on with the session")
        command = ("replay", str(journal), "--gdb", self._address, "--gdb-at-end")
        path = os.pathsep.join(filter(None, sys.path))
        subprocess.run(
            [sys.executable, "-m", "hv", *command],
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
        if capture is not None:
            capture.resume()
