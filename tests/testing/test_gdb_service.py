"""``--hv-gdb``: the debugger meets the failed run at its end, and the session goes on when it leaves."""

import re
import socket
import subprocess
import sys

import pytest

from tests.testing.projects import PLUGIN, run, source, write

pytest_plugins = ("pytester",)


def packet(text: str) -> bytes:
    return f"${text}#{sum(text.encode()) & 0xFF:02x}".encode()


def answer(stream: socket.socket, text: str) -> str:
    """The packet that answers ``text``, acknowledged."""
    stream.sendall(packet(text))
    received = b""
    while not re.search(rb"\$[^#]*#..", received):
        more = stream.recv(4096)
        assert more, received
        received += more
    stream.sendall(b"+")
    return re.findall(rb"\$([^#]*)#", received)[-1].decode()


def test_a_failed_run_is_served_at_its_end(pytester: pytest.Pytester) -> None:
    write(
        pytester,
        a__asm=source("    mov al, 3\nlast:\n    out 0xf4, al\n"),
        a__hvtest__toml="[guest.a]\nimage = 'a.asm'\n[guest.b]\nimage = '@hello'\n",
    )
    command = [sys.executable, "-u", "-m", "pytest", *PLUGIN, "--hv-gdb=:0"]
    with subprocess.Popen(
        command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as session:
        assert session.stdout is not None
        text = ""
        while not (found := re.search(r"target remote ([\d.]+):(\d+)", text)):
            line = session.stdout.readline()
            assert line, text
            text += line
        assert "hv: debugging a.hvtest.toml::a; detach to go on with the session" in text
        with socket.create_connection((found[1], int(found[2])), timeout=60) as stream:
            stopped = answer(stream, "?")
            assert stopped.startswith(("S", "T"))
            assert answer(stream, "m7c0d,2") == "e6f4"
            assert answer(stream, "D") == "OK"
        text += session.stdout.read()
    assert "1 failed, 1 passed" in text
    assert session.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--hv-gdb=nowhere",), "ERROR: --hv-gdb 'nowhere' is not [[]HOST[]]:PORT*"),
        (("--hv-gdb", "-n2"), "ERROR: --hv-gdb: not with several processes (-n)"),
    ],
)
def test_what_cannot_be_served(
    pytester: pytest.Pytester, arguments: tuple[str, ...], complaint: str
) -> None:
    result = pytester.runpytest_subprocess(*PLUGIN, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])


def test_a_test_that_ran_no_guest_is_none_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it():\n    assert False\n")
    run(pytester, "--hv-gdb=:0").assert_outcomes(failed=1)
