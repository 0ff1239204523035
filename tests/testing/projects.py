"""Projects of a kernel's author: guests, manifests and tests in a folder of their own."""

import pytest

from tests.live.sources import HEAD, TAIL

PLUGIN = ("-p", "hv.testing.plugin", "-p", "no:cacheprovider")

HELLO = """\
    mov si, text
    call send
    mov al, 0
    out 0xf4, al
text: db "kernel: up", 13, 10, "answer: 42", 13, 10, 0
"""


def source(body: str) -> str:
    """A boot sector with the routine ``send``."""
    return HEAD + body + TAIL


def saying(*lines: str, code: int = 0) -> str:
    """A boot sector that sends these lines and ends with ``code``."""
    words = "".join(f'    db "{line}", 13, 10\n' for line in lines)
    return source(
        f"    mov si, text\n    call send\n    mov al, {code}\n    out 0xf4, al\ntext:\n{words}    db 0\n"
    )


def write(pytester: pytest.Pytester, **files: str) -> None:
    """Files by name, ``__`` for the dot."""
    for name, text in files.items():
        (pytester.path / name.replace("__", ".")).write_text(text)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """pytest in this process; guests run in its child."""
    return pytester.runpytest_inprocess(*PLUGIN, *arguments)
