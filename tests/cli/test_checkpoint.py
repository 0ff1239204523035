"""``hv run --checkpoint`` and running what it wrote."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.test_run import hv

README = (Path(__file__).parents[2] / "README.md").read_text()
SOURCE = """
    mov cx, 5000
idle:
    loop idle
    mov dx, 0x3f8
    mov al, 'x'
    out dx, al
    mov al, 0
    out 0xf4, al
"""


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    path = tmp_path / "guest.asm"
    path.write_text(f"org 0x7c00\nbits 16\n{SOURCE}times 510-($-$$) db 0\ndw 0xaa55\n")
    return path


def test_the_readmes_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "PYTHONPATH", f"{Path(__file__).parents[2]}:{Path(__file__).parents[2]}/devices"
    )
    block = next(b for b in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "ckpt" in b)
    commands = [line.split()[1:] for line in block.splitlines()]
    assert [hv(*command).returncode for command in commands] == [124, 0]
    run = hv(*commands[1])
    assert run.returncode == 0
    assert b"pass (16,876 instructions" in run.stderr


def test_a_run_in_two_halves_has_the_result_of_a_whole_one(guest: Path, tmp_path: Path) -> None:
    saved = tmp_path / "half.ckpt"
    whole = hv("run", guest, "--json", tmp_path / "whole.json")
    assert whole.returncode == 0
    half = hv("run", guest, "--max-insns", "15000", "--checkpoint", saved)
    assert half.returncode == 124
    rest = hv("run", saved, "--json", tmp_path / "rest.json")
    assert rest.returncode == 0
    assert half.stdout + rest.stdout == whole.stdout
    assert (tmp_path / "rest.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert json.loads((tmp_path / "rest.json").read_bytes())["outcome"] == "pass"


def test_a_checkpoint_brings_its_own_machine(guest: Path, tmp_path: Path) -> None:
    saved = tmp_path / "half.ckpt"
    hv("run", guest, "--max-insns", "15000", "--checkpoint", saved)
    for flags in (["--memory", "8M"], ["--hv", "none"], ["--disk", "x.img"], ["--set", "epoch=1"]):
        run = hv("run", saved, *flags)
        assert run.returncode == 2
        assert run.stderr.decode().count("\n") == 1
        assert "its machine is as it was" in run.stderr.decode()


def test_a_damaged_checkpoint_and_one_that_cannot_be_written_are_one_line(
    guest: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "half.ckpt"
    hv("run", guest, "--max-insns", "15000", "--checkpoint", saved)
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 1
    saved.write_bytes(bytes(data))
    run = hv("run", saved)
    assert run.returncode == 4
    assert re.fullmatch(r"hv: .*half\.ckpt: the checkpoint is damaged: .*\n", run.stderr.decode())
    run = hv("run", guest, "--max-insns", "100", "--checkpoint", tmp_path / "no" / "such" / "place")
    assert run.returncode == 4
    assert run.stderr.decode().count("\n") == 1


def test_a_checkpoint_of_another_version_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"hv.checkpoint/1\n" + bytes(512))
    run = hv("run", tmp_path / "old.ckpt")
    assert run.returncode == 4
    assert re.fullmatch(
        r"hv: .*old\.ckpt: is no checkpoint of this version \(hv\.checkpoint/\d+\)\n",
        run.stderr.decode(),
    )
