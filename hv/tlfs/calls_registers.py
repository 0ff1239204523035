"""HvCallGetVpRegisters and HvCallSetVpRegisters.

Follows the TLFS 6.0b, chapter Virtual Processors. A partition reaches the registers of its own processors
only.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hv.tlfs.calls_targets import check_partition, check_vtl, target_vp
from hv.tlfs.features import Feature
from hv.tlfs.hypercall_rows import SUCCESS, Banks, Layout, RepCall, Row
from hv.tlfs.processor import SyntheticProcessor
from hv.tlfs.vp_registers import read_register, write_register

_VALUE_SIZE = 16


class Target(NamedTuple):
    partition: int
    vp: int
    vtl: int


class Assignment(NamedTuple):
    name: int
    value: bytes


def _whose(vp: SyntheticProcessor, target: Target) -> SyntheticProcessor:
    check_partition(target.partition)
    check_vtl(target.vtl)
    return target_vp(vp, target.vp)


def _get(
    vp: SyntheticProcessor, target: Target, _banks: Banks, names: list[int]
) -> Iterator[bytes]:
    whose = _whose(vp, target)
    for name in names:
        yield read_register(whose, name).to_bytes(_VALUE_SIZE, "little")


def _set(
    vp: SyntheticProcessor, target: Target, _banks: Banks, assignments: list[Assignment]
) -> Iterator[bytes]:
    whose = _whose(vp, target)
    for name, value in assignments:
        write_register(whose, name, int.from_bytes(value, "little"))
        yield SUCCESS


_TARGET = Layout("<QIB3x", Target)

ROWS: tuple[Row, ...] = (
    RepCall(
        0x0050,
        "HvCallGetVpRegisters",
        Feature.VP_REGISTERS,
        _TARGET,
        Layout("<I", int),
        _get,
        output=_VALUE_SIZE,
    ),
    RepCall(
        0x0051,
        "HvCallSetVpRegisters",
        Feature.VP_REGISTERS,
        _TARGET,
        Layout("<I12x16s", Assignment),
        _set,
    ),
)
