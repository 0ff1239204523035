"""Changes to the process that runs guests, for tests of what the session does about them."""

from textwrap import dedent

import pytest


def in_children(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: str, body: str
) -> None:
    """Run ``body`` in every child of the sessions to come as soon as it has imported ``module``."""
    folder = pytester.mkdir("hooks")
    hook = f"""
        import sys

        class Finder:
            def find_spec(self, name, path, target=None):
                if name != {module!r}:
                    return None
                sys.meta_path.remove(self)
                from importlib.util import find_spec
                spec = find_spec(name)
                execute = spec.loader.exec_module
                def exec_module(loaded):
                    execute(loaded)
                    change(loaded)
                spec.loader.exec_module = exec_module
                return spec

        if "hv.testing.worker" in sys.orig_argv:
            sys.meta_path.insert(0, Finder())
    """
    text = dedent(hook) + "\ndef change(module):\n" + _indented(dedent(body))
    (folder / "sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
