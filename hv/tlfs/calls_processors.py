"""Hypercalls about virtual processors: interrupts between them, spinning, starting, their numbers.

Follows the TLFS 6.0b, chapters Virtual Interrupt Controller and Virtual Processors. There is one virtual
trust level. Every processor of a partition runs from the beginning, so that none is left to start; a
notification of a long spin is taken and answered.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hv.tlfs import vp_set
from hv.tlfs.calls_targets import check_partition, check_vtl, target_vp
from hv.tlfs.features import Feature
from hv.tlfs.hypercall_rows import NO_INPUT, SUCCESS, Banks, Layout, RepCall, Row, SimpleCall
from hv.tlfs.hypercall_status import Refusal, Status
from hv.tlfs.processor import SyntheticProcessor
from hv.tlfs.synic import FIRST_VECTOR

_LAST_VECTOR = 0xFF
_VP_INDEX = struct.Struct("<I")
_NO_EXTENDED_CALLS = bytes(8)
_INITIAL_VP_CONTEXT = 224


class ClusterIpi(NamedTuple):
    vector: int
    vtl: int
    mask: int


class ClusterIpiEx(NamedTuple):
    vector: int
    vtl: int
    format: int
    valid_banks: int


class StartVp(NamedTuple):
    partition: int
    vp: int
    vtl: int


class ApicIds(NamedTuple):
    partition: int
    vtl: int


def _notify_long_spin_wait(_vp: SyntheticProcessor, _count: int, _banks: Banks) -> bytes:
    return SUCCESS


def _interrupt(vp: SyntheticProcessor, vector: int, vtl: int, targets: list[int]) -> bytes:
    if not FIRST_VECTOR <= vector <= _LAST_VECTOR:
        raise Refusal(Status.INVALID_PARAMETER)
    check_vtl(vtl)
    for target in targets:
        vp.peers[target].doors.apic.raise_edge(vector, False)
    return SUCCESS


def _send_ipi(vp: SyntheticProcessor, ipi: ClusterIpi, _banks: Banks) -> bytes:
    return _interrupt(vp, ipi.vector, ipi.vtl, vp_set.from_mask(ipi.mask, len(vp.peers)))


def _send_ipi_ex(vp: SyntheticProcessor, ipi: ClusterIpiEx, banks: Banks) -> bytes:
    targets = vp_set.from_banks(ipi.format, ipi.valid_banks, banks, len(vp.peers))
    return _interrupt(vp, ipi.vector, ipi.vtl, targets)


def _start_vp(vp: SyntheticProcessor, start: StartVp, _banks: Banks) -> bytes:
    check_partition(start.partition)
    check_vtl(start.vtl)
    target_vp(vp, start.vp)
    raise Refusal(Status.INVALID_VP_STATE)


def _vp_index_from_apic_id(
    vp: SyntheticProcessor, ask: ApicIds, _banks: Banks, apic_ids: list[int]
) -> Iterator[bytes]:
    check_partition(ask.partition)
    check_vtl(ask.vtl)
    index_of = {peer.apic_id: peer.index for peer in vp.peers}
    for apic_id in apic_ids:
        if apic_id not in index_of:
            raise Refusal(Status.INVALID_PARAMETER)
        yield _VP_INDEX.pack(index_of[apic_id])


def _query_capabilities(_vp: SyntheticProcessor, _input: None, _banks: Banks) -> bytes:
    return _NO_EXTENDED_CALLS


ROWS: tuple[Row, ...] = (
    SimpleCall(
        0x0008,
        "HvCallNotifyLongSpinWait",
        Feature.BASE,
        Layout("<I4x", int),
        _notify_long_spin_wait,
    ),
    SimpleCall(
        0x000B,
        "HvCallSendSyntheticClusterIpi",
        Feature.CLUSTER_IPI,
        Layout("<IB3xQ", ClusterIpi),
        _send_ipi,
    ),
    SimpleCall(
        0x0015,
        "HvCallSendSyntheticClusterIpiEx",
        Feature.EX_PROCESSOR_MASKS,
        Layout("<IB3xQQ", ClusterIpiEx),
        _send_ipi_ex,
        banks=True,
    ),
    SimpleCall(
        0x0099,
        "HvCallStartVirtualProcessor",
        Feature.START_VP,
        Layout(f"<QIB3x{_INITIAL_VP_CONTEXT}x", StartVp),
        _start_vp,
    ),
    RepCall(
        0x009A,
        "HvCallGetVpIndexFromApicId",
        Feature.START_VP,
        Layout("<QB7x", ApicIds),
        Layout("<I", int),
        _vp_index_from_apic_id,
        output=_VP_INDEX.size,
    ),
    SimpleCall(
        0x8001,
        "HvExtCallQueryCapabilities",
        Feature.EXTENDED_CALLS,
        NO_INPUT,
        _query_capabilities,
        output=len(_NO_EXTENDED_CALLS),
    ),
)
