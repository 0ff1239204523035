"""Keystone lives in a child process: its end or its hanging is an answer, not our end."""

import os
import signal

import pytest

from hv.asm.encoder import Encoder, EncoderDiedError


def test_answers_are_bytes_or_complaints() -> None:
    with Encoder(time_limit_s=20) as encoder:
        encoder.ask([(32, "mov eax, ebx"), (64, "frob"), (16, "mov ax, bl")])
        first, second, third = (
            encoder.known(*request)
            for request in ((32, "mov eax, ebx"), (64, "frob"), (16, "mov ax, bl"))
        )
    assert first is not None
    assert first.code == b"\x89\xd8"
    assert second is not None
    assert second.complaint == "unknown instruction"
    assert third is not None
    assert third.complaint == "these operands do not fit the instruction"


def test_a_crash_names_the_instruction() -> None:
    with Encoder(time_limit_s=20) as encoder:
        encoder.ask([(16, "nop")])
        os.kill(encoder.pid, signal.SIGSTOP)
        os.kill(encoder.pid, signal.SIGKILL)
        with pytest.raises(EncoderDiedError, match=r"crashed on 'mov ax, 1' \(16-bit\)"):
            encoder.ask([(16, "mov ax, 1")])


def test_hanging_names_the_instruction() -> None:
    with Encoder(time_limit_s=0.2) as encoder:
        os.kill(encoder.pid, signal.SIGSTOP)
        with pytest.raises(EncoderDiedError, match=r"hangs on 'mov ax, 2' \(16-bit\)"):
            encoder.ask([(16, "mov ax, 2")])
