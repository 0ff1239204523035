"""HvCallFlushVirtualAddressSpace and its kin.

Follows the TLFS 6.0b, chapter Virtual MMU. Every flush is a flush of the whole translation buffer of the
processors it names, which is more than is asked for and always allowed; so the address space, the list of
addresses and most flags are taken and not looked at.
"""

from collections.abc import Iterator
from enum import IntFlag
from typing import NamedTuple

from hv.tlfs import vp_set
from hv.tlfs.features import Feature
from hv.tlfs.hypercall_rows import SUCCESS, Banks, Layout, RepCall, Row, SimpleCall
from hv.tlfs.hypercall_status import Refusal, Status
from hv.tlfs.processor import SyntheticProcessor


class FlushFlags(IntFlag):
    """HV_FLUSH_FLAGS."""

    ALL_PROCESSORS = 1 << 0
    ALL_VIRTUAL_ADDRESS_SPACES = 1 << 1
    NON_GLOBAL_MAPPINGS_ONLY = 1 << 2


_ALL = FlushFlags.ALL_PROCESSORS.value
_OF_LISTS = _ALL | FlushFlags.ALL_VIRTUAL_ADDRESS_SPACES.value
_OF_SPACES = _OF_LISTS | FlushFlags.NON_GLOBAL_MAPPINGS_ONLY.value


class Flush(NamedTuple):
    address_space: int
    flags: int
    mask: int


class FlushEx(NamedTuple):
    address_space: int
    flags: int
    format: int
    valid_banks: int


_FLUSH = Layout("<QQQ", Flush)
_FLUSH_EX = Layout("<QQQQ", FlushEx)
_GVA_RANGE: Layout[int] = Layout("<Q", int)


def _flush(vp: SyntheticProcessor, what: Flush | FlushEx, banks: Banks, allowed: int) -> None:
    """Flush the processors that ``what`` names."""
    if what.flags & ~allowed:
        raise Refusal(Status.INVALID_PARAMETER)
    count = len(vp.peers)
    if what.flags & _ALL:
        targets = list(range(count))
    elif isinstance(what, Flush):
        targets = vp_set.from_mask(what.mask, count)
    else:
        targets = vp_set.from_banks(what.format, what.valid_banks, banks, count)
    for target in targets:
        vp.peers[target].doors.control.flush_tlb()


def _space(vp: SyntheticProcessor, what: Flush | FlushEx, banks: Banks) -> bytes:
    _flush(vp, what, banks, _OF_SPACES)
    return SUCCESS


def _list(
    vp: SyntheticProcessor, what: Flush | FlushEx, banks: Banks, ranges: list[int]
) -> Iterator[bytes]:
    _flush(vp, what, banks, _OF_LISTS)
    for _range in ranges:
        yield SUCCESS


ROWS: tuple[Row, ...] = (
    SimpleCall(0x0002, "HvCallFlushVirtualAddressSpace", Feature.REMOTE_FLUSH, _FLUSH, _space),
    RepCall(
        0x0003, "HvCallFlushVirtualAddressList", Feature.REMOTE_FLUSH, _FLUSH, _GVA_RANGE, _list
    ),
    SimpleCall(
        0x0013,
        "HvCallFlushVirtualAddressSpaceEx",
        Feature.EX_PROCESSOR_MASKS,
        _FLUSH_EX,
        _space,
        banks=True,
    ),
    RepCall(
        0x0014,
        "HvCallFlushVirtualAddressListEx",
        Feature.EX_PROCESSOR_MASKS,
        _FLUSH_EX,
        _GVA_RANGE,
        _list,
        banks=True,
    ),
)
