"""The MSRs that belong to the processor itself.

Most run natively in the engine, without an exit (``NATIVE``). EFER and the time stamp counter come to us:
EFER because guest mode keeps a bit of its own in it, the counter because time is ours.
Sources: AMD64 APM vol. 2, appendix A; Intel SDM vol. 4.
"""

from collections.abc import Callable

from hv.cpu.engine import Engine
from hv.cpu.msr import MsrBus, MsrFault
from hv.cpu.reset import EFER_SVME
from hv.cpu.state import CR0, EFER

NATIVE = (
    0x174,  # SYSENTER_CS
    0x175,  # SYSENTER_ESP
    0x176,  # SYSENTER_EIP
    0x277,  # PAT
    0xC0000081,  # STAR
    0xC0000082,  # LSTAR
    0xC0000083,  # CSTAR
    0xC0000084,  # SFMASK
    0xC0000100,  # FS_BASE
    0xC0000101,  # GS_BASE
    0xC0000102,  # KERNEL_GS_BASE
)

MSR_TSC = 0x10
MSR_EFER = 0xC0000080

_SCE, _LME, _LMA, _NXE = 1 << 0, 1 << 8, 1 << 10, 1 << 11
_WRITABLE = _SCE | _LME | _NXE
_PG = 1 << 31


def attach_core_msrs(
    bus: MsrBus, engine: Engine, read_tsc: Callable[[], int], write_tsc: Callable[[int], None]
) -> None:
    """Put EFER and the time stamp counter on ``bus`` and let the native ones through."""
    state = engine.state

    def read_efer() -> int:
        return state.q[EFER] & ~EFER_SVME

    def write_efer(value: int) -> None:
        current = state.q[EFER]
        if value & ~(_WRITABLE | _LMA):
            raise MsrFault
        if (value ^ current) & _LME and state.q[CR0] & _PG:
            raise MsrFault
        state.q[EFER] = current & ~_WRITABLE | value & _WRITABLE
        if (value ^ current) & _NXE:
            engine.restore()
            engine.flush_tlb()

    bus.attach("processor", MSR_EFER, read_efer, write_efer)
    bus.attach("processor", MSR_TSC, read_tsc, write_tsc)
    engine.permit_msrs(NATIVE)
