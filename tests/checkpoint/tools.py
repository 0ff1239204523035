"""Saving and restoring machines in tests."""

from pathlib import Path

from hv.root.checkpoint import load_checkpoint, save_checkpoint
from hv.root.machine import Machine

STEP = 0x9E3779B1
SCALE = 1 << 32


def points(insns: int, count: int, seed: int) -> list[int]:
    """``count`` places in a run of ``insns`` instructions, in order, here and there by ``seed``."""
    spread = ((seed * 7919 + number + 1) * STEP % SCALE for number in range(count))
    return sorted(insns * one // SCALE for one in spread)


def restored(machine: Machine, folder: Path) -> Machine:
    """``machine`` from its checkpoint, which the restored one would write again to the last byte."""
    first, second = folder / "first.ckpt", folder / "second.ckpt"
    save_checkpoint(machine, first)
    again = load_checkpoint(first)
    save_checkpoint(again, second)
    assert second.read_bytes() == first.read_bytes()
    return again
