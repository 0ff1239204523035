"""How hypercalls name whom they mean: partition, virtual trust level, virtual processor."""

from hv.tlfs.hypercall_status import Refusal, Status
from hv.tlfs.processor import SyntheticProcessor

PARTITION_SELF = 0xFFFFFFFFFFFFFFFF
VP_SELF = 0xFFFFFFFE

_USE_TARGET_VTL = 1 << 4
_RESERVED_VTL = 0xE0
_TARGET_VTL = 0x0F


def check_partition(partition: int) -> None:
    """Refusal for any partition but the caller's own."""
    if partition != PARTITION_SELF:
        raise Refusal(Status.INVALID_PARTITION_ID)


def check_vtl(vtl: int) -> None:
    """HV_INPUT_VTL. Refusal for a level other than the only one."""
    if vtl & _RESERVED_VTL or (vtl & _USE_TARGET_VTL and vtl & _TARGET_VTL):
        raise Refusal(Status.INVALID_PARAMETER)


def target_vp(vp: SyntheticProcessor, index: int) -> SyntheticProcessor:
    """The processor that ``vp`` means. Refusal when there is none."""
    if index == VP_SELF:
        return vp
    if index >= len(vp.peers):
        raise Refusal(Status.INVALID_VP_INDEX)
    return vp.peers[index]
