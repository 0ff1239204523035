"""Encodes single instructions by asking Keystone in a child process, which may hang or die
without harm.
"""

import importlib.util
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from hv.errors import InternalError


class Encoded:
    """An answer: the bytes, or why there are none."""

    __slots__ = ("code", "complaint")

    def __init__(self, code: bytes, complaint: str = "") -> None:
        self.code = code
        self.complaint = complaint


UNKNOWN_INSTRUCTION = "unknown instruction"
_PLAIN_WORDS = {
    "Invalid mnemonic": UNKNOWN_INSTRUCTION,
    "Invalid operand": "these operands do not fit the instruction",
    "Cannot find a symbol": "these operands do not fit the instruction",
    "Missing CPU feature": "not an instruction of this mode",
    "Instruction is unsupported in this mode": "not an instruction of this mode",
}


class EncoderDiedError(Exception):
    """Keystone hung or crashed over one instruction."""

    def __init__(self, bits: int, text: str, how: str) -> None:
        super().__init__(f"Keystone {how} on '{text}' ({bits}-bit)")
        self.request = (bits, text)


class Encoder:
    """Answers are kept: an instruction is asked for once, however often it occurs."""

    def __init__(self, time_limit_s: float) -> None:
        spec = importlib.util.find_spec("keystone")
        if spec is None or spec.origin is None:
            raise InternalError("the keystone-engine package is not installed")
        folder = str(Path(spec.origin).parent.parent)
        worker = str(Path(__file__).with_name("worker.py"))
        self._time_limit_s = time_limit_s
        self._known: dict[tuple[int, str], Encoded] = {}
        # -I -S: the child needs the standard library and keystone only, and starts in half the
        # time.
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", worker, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._pending = b""

    def __enter__(self) -> "Encoder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._child.kill()
        self._child.communicate()

    @property
    def pid(self) -> int:
        """The child, for those who want to see it die."""
        return self._child.pid

    def known(self, bits: int, text: str) -> Encoded | None:
        return self._known.get((bits, text))

    def ask(self, requests: list[tuple[int, str]]) -> None:
        """Encode a batch; raises EncoderDiedError naming the instruction that killed the child."""
        if not requests:
            return
        assert self._child.stdin is not None
        lines = [f"{bits} {text}\n" for bits, text in requests]
        try:
            self._child.stdin.write(f"{len(lines)}\n{''.join(lines)}".encode("ascii", "replace"))
            self._child.stdin.flush()
        except BrokenPipeError:
            raise EncoderDiedError(*requests[0], "crashed") from None
        for bits, text in requests:
            answer = self._answer(bits, text)
            if answer.startswith("!"):
                complaint = answer[1:].split(" (KS_ERR")[0]
                self._known[bits, text] = Encoded(b"", _PLAIN_WORDS.get(complaint, complaint))
            else:
                self._known[bits, text] = Encoded(bytes.fromhex(answer))

    def _answer(self, bits: int, text: str) -> str:
        """The next line from the child; the time limit is for each instruction alone."""
        assert self._child.stdout is not None
        while b"\n" not in self._pending:
            ready, _, _ = select.select([self._child.stdout], [], [], self._time_limit_s)
            if not ready:
                raise EncoderDiedError(bits, text, "hangs")
            more = self._child.stdout.read1(65536)  # type: ignore[attr-defined]
            if not more:
                raise EncoderDiedError(bits, text, "crashed")
            self._pending += more
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode("ascii")
