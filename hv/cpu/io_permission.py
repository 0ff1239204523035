"""The I/O permission bitmap (Intel SDM vol. 1, 19.5.2). Unicorn lets every IN and OUT pass; we ask here."""

from hv.cpu.paging import LinearMemory
from hv.cpu.state import TR, CpuState

_MAP_BASE_FIELD = 0x66
_TYPE_SHIFT = 8
_TSS_386 = (9, 11)  # available and busy; a 64-bit TSS has the same types
_PRESENT = 1 << 15


def may_access_ports(state: CpuState, memory: LinearMemory, port: int, width: int) -> bool:
    """Whether the task's bitmap permits ``width`` ports from ``port``.

    To be asked when CPL > IOPL or in virtual-8086 mode. May raise Fault when the task state segment
    itself is not mapped.
    """
    task = state.segment(TR)
    if not task.flags & _PRESENT or (task.flags >> _TYPE_SHIFT & 0xF) not in _TSS_386:
        return False
    if task.limit < _MAP_BASE_FIELD + 1:
        return False
    at = memory.read_u16(task.base + _MAP_BASE_FIELD) + port // 8
    if at + 1 > task.limit:  # the processor always reads two bytes
        return False
    bits = memory.read_u16(task.base + at)
    return not bits >> (port & 7) & ((1 << width) - 1)
