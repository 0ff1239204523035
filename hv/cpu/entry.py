"""Start a processor somewhere else than at the reset vector: what a boot loader would leave behind."""

from hv.cpu import state as s
from hv.cpu.reset import EFER_SVME, GUEST_HFLAGS
from hv.cpu.state import CpuState, Hflags

_PRESENT_CODE, _PRESENT_DATA = 0x9B00, 0x9300
_FLAT_G = 0x00C0_0000 | 0x000F_0000  # 4 KiB granularity, 32-bit, limit 19:16
_CODE32 = _FLAT_G | _PRESENT_CODE
_CODE64 = 0x00AF_0000 | _PRESENT_CODE
_DATA32 = _FLAT_G | _PRESENT_DATA
_TSS_BUSY = 0x8B00
_REGISTERS = (
    "RAX",
    "RCX",
    "RDX",
    "RBX",
    "RSP",
    "RBP",
    "RSI",
    "RDI",
    *(f"R{n}" for n in range(8, 16)),
)
_PE, _MP, _EM, _TS = 1, 2, 4, 8


def enter(
    state: CpuState,
    *,
    bits: int,
    rip: int,
    selectors: tuple[int, int, int],
    control: tuple[int, int, int, int],
    rflags: int,
    gdt: tuple[int, int] | None,
    registers: dict[str, int],
) -> None:
    """Change a state that is as after reset.

    ``selectors`` are CS, DS (also ES, FS, GS) and SS; ``control`` CR0, CR3, CR4 and EFER; ``gdt`` base and
    limit. ``bits`` is 16 (real mode), 32 (flat protected) or 64 (long mode).
    """
    cs, ds, ss = selectors
    cr0, cr3, cr4, efer = control
    q = state.q
    for index, name in enumerate(_REGISTERS):
        q[index] = registers.get(name, 0)
    q[s.RIP], q[s.RFLAGS] = rip, rflags
    q[s.CR0], q[s.CR3], q[s.CR4], q[s.EFER] = cr0, cr3, cr4, efer | EFER_SVME
    if gdt is not None:
        state.set_segment(s.GDTR, 0, gdt[0], gdt[1], 0)
    hflags = GUEST_HFLAGS | (cr0 & (_MP | _EM | _TS)) << 8
    if bits == 16:
        for index in (s.ES, s.SS, s.DS, s.FS, s.GS):
            selector = ss if index == s.SS else ds
            state.set_segment(index, selector, selector << 4, 0xFFFF, _PRESENT_DATA)
        state.set_segment(s.CS, cs, cs << 4, 0xFFFF, _PRESENT_CODE)
        hflags |= Hflags.ADDSEG.value
    else:
        for index in (s.ES, s.SS, s.DS, s.FS, s.GS):
            state.set_segment(index, ss if index == s.SS else ds, 0, 0xFFFFFFFF, _DATA32)
        state.set_segment(s.CS, cs, 0, 0xFFFFFFFF, _CODE64 if bits == 64 else _CODE32)
        state.set_segment(s.TR, 0, 0, 0xFFFF, _TSS_BUSY)
        hflags |= (Hflags.PE | Hflags.CS32 | Hflags.SS32).value
        if bits == 64:
            hflags |= (Hflags.LMA | Hflags.CS64).value
    state.d[s.HFLAGS] = hflags
