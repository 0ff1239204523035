"""A processor state and its memory, built by hand: tables at fixed places, all constants from the SDM."""

import struct
from collections.abc import Callable

from hv.cpu import state as s
from hv.cpu.delivery import Delivery, Event, EventKind, deliver
from hv.cpu.paging import LinearMemory
from hv.cpu.state import STATE_SIZE, CpuState

RAM_SIZE = 4 << 20

IDT, GDT, LDT, TSS = 0x100000, 0x101000, 0x102000, 0x103000
STACK_TOP = 0x108000
"""Of the running code."""
INNER_TOP = 0x10A000
"""Of ring 0, as the TSS has it."""

PML4, PDPT, PD, PT = 0x110000, 0x111000, 0x112000, 0x113000

# Selectors of the tables that ``Cpu`` lays out.
CODE0, DATA0, CODE3, DATA3, TASK, LOCAL = 0x08, 0x10, 0x18 | 3, 0x20 | 3, 0x28, 0x38
CONFORMING0, CODE16, DATA16, CODE1, DATA1 = 0x48, 0x50, 0x58, 0x60, 0x68

CODE32_FLAGS, DATA32_FLAGS = 0x00CF9B00, 0x00CF9300
CODE64_FLAGS = 0x00AF9B00
RING3 = 3 << 13

TF, IF, DF, NT, RF, VM, AC = 1 << 8, 1 << 9, 1 << 10, 1 << 14, 1 << 16, 1 << 17, 1 << 18
IOPL3 = 3 << 12
CF, ZF = 1, 1 << 6

HF_CPL, HF_SHADOW, HF_CS32, HF_SS32, HF_ADDSEG, HF_PE = 3, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
HF_LMA, HF_CS64, HF_GUEST = 1 << 14, 1 << 15, 1 << 21

DE, DB, BP, UD, DOUBLE, TS, NP, SS_FAULT, GP, PF = 0, 1, 3, 6, 8, 10, 11, 12, 13, 14


class FlatRam:
    """Memory from address 0; remembers the writes that were left to the bus."""

    def __init__(self, size: int = RAM_SIZE, buffer: memoryview | None = None) -> None:
        self.view = memoryview(bytearray(size)) if buffer is None else buffer
        self.bus_writes: list[tuple[int, bytes]] = []
        self.on_write: Callable[[int, int], None] = lambda _gpa, _size: None

    def read(self, gpa: int, size: int) -> bytes:
        return bytes(self.view[gpa : gpa + size]).ljust(size, b"\xff")

    def write(self, gpa: int, data: bytes) -> None:
        self.bus_writes.append((gpa, data))


def descriptor(base: int, limit: int, flags: int) -> int:
    """A segment descriptor; ``limit`` as its 20-bit field has it."""
    low = limit & 0xFFFF | (base & 0xFFFF) << 16
    high = flags & 0x00F0FF00 | base >> 16 & 0xFF | base & 0xFF000000 | limit & 0xF0000
    return high << 32 | low


class Cpu:
    """A state with tables; ``real``, ``protected``, ``v86`` and ``long`` put it into a mode."""

    def __init__(self, state: CpuState | None = None, ram: FlatRam | None = None) -> None:
        self.state = state or CpuState(bytearray(STATE_SIZE))
        self.ram = ram or FlatRam()
        self.memory = LinearMemory(self.state, self.ram)
        self.q, self.d = self.state.q, self.state.d
        self.d[s.A20_MASK] = 0xFFFFFFFF
        self.d[s.DF] = 1
        self.d[s.CC_OP] = s.CC_OP_EFLAGS
        self.d[s.HFLAGS] = HF_GUEST
        self.q[s.RFLAGS] = 2

    # Memory.

    def put(self, gpa: int, value: int, width: int = 8) -> None:
        self.ram.view[gpa : gpa + width] = value.to_bytes(width, "little")

    def get(self, gpa: int, width: int = 8) -> int:
        return int.from_bytes(self.ram.view[gpa : gpa + width], "little")

    def words(self, gpa: int, count: int, width: int) -> list[int]:
        form = {2: "H", 4: "I", 8: "Q"}[width]
        return list(struct.unpack_from(f"<{count}{form}", self.ram.view, gpa))

    # Tables.

    def segment(self, selector: int, base: int, limit: int, flags: int) -> None:
        self.put(
            (LDT if selector & 4 else GDT) + (selector & 0xFFF8), descriptor(base, limit, flags)
        )

    def gate(
        self, vector: int, selector: int, offset: int, kind: int = 0x8E, *, ist: int = 0
    ) -> None:
        """``kind``: P, DPL and type, the byte at offset 5 of a gate."""
        low = (
            offset & 0xFFFF
            | selector << 16
            | ist << 32
            | kind << 40
            | (offset >> 16 & 0xFFFF) << 48
        )
        if self.d[s.HFLAGS] & HF_LMA:
            self.put(IDT + 16 * vector, low)
            self.put(IDT + 16 * vector + 8, offset >> 32)
        else:
            self.put(IDT + 8 * vector, low)

    def load(self, index: int, selector: int, base: int, limit: int, flags: int) -> None:
        self.state.set_segment(index, selector, base, limit, flags)

    # Modes.

    def real(self, ip: int = 0x1234, sp: int = 0x1000) -> "Cpu":
        self.q[s.RIP], self.q[s.RSP] = ip, sp
        self.load(s.CS, 0x0200, 0x2000, 0xFFFF, 0x9B00)
        self.load(s.SS, 0x0300, 0x3000, 0xFFFF, 0x9300)
        self.load(s.IDTR, 0, 0, 0x3FF, 0)
        self.d[s.HFLAGS] |= HF_ADDSEG
        return self

    def protected(self, cpl: int = 0, *, tss_flags: int = 0x8B00) -> "Cpu":
        self.q[s.CR0] = 1
        self._tables()
        self.load(s.TR, TASK, TSS, 0x67, tss_flags)
        if tss_flags & 0x800:
            self.put(TSS + 4, INNER_TOP, 4)
            self.put(TSS + 8, DATA0, 4)
        else:
            self.put(TSS + 2, 0x8000, 2)
            self.put(TSS + 4, DATA16, 2)
        self._run_flat(cpl, CODE32_FLAGS)
        self.d[s.HFLAGS] |= HF_PE | HF_CS32 | HF_SS32 | cpl
        return self

    def v86(self, iopl: int = 0) -> "Cpu":
        self.protected()
        self.q[s.RFLAGS] = 2 | VM | IF | iopl << 12
        for index, value in enumerate((0x1111, 0x0200, 0x0300, 0x2222, 0x3333, 0x4444)):
            self.load(index, value, value << 4, 0xFFFF, 0xF300)
        self.q[s.RIP], self.q[s.RSP] = 0x1234, 0x1000
        self.d[s.HFLAGS] = HF_GUEST | HF_PE | HF_ADDSEG | 3
        return self

    def long(self, cpl: int = 0, *, compat: bool = False) -> "Cpu":
        """Identity map of the first 2 MiB in 4 KiB pages, supervisor and writable."""
        self.q[s.CR0] = 0x80010001  # PG WP PE
        self.q[s.CR3], self.q[s.CR4], self.q[s.EFER] = PML4, 0x20, 0xD01  # PAE; NXE LMA LME SCE
        self.d[s.HFLAGS] |= HF_LMA | HF_PE | HF_CS32 | HF_SS32 | cpl | (0 if compat else HF_CS64)
        self._tables()
        self.segment(CODE0, 0, 0xFFFFF, CODE64_FLAGS)
        self.load(s.TR, TASK, TSS, 0x67, 0x8B00)
        self.put(TSS + 4, INNER_TOP)
        self.put(PML4, PDPT | 7)
        self.put(PDPT, PD | 7)
        self.put(PD, PT | 7)
        for page in range(512):
            self.put(PT + 8 * page, page << 12 | 3)
        self._run_flat(cpl, CODE32_FLAGS if compat else CODE64_FLAGS)
        return self

    def _tables(self) -> None:
        self.load(s.IDTR, 0, IDT, 0xFFF, 0)
        self.load(s.GDTR, 0, GDT, 0x7F, 0)
        self.load(s.LDTR, LOCAL, LDT, 0x1F, 0x8200)
        self.segment(CODE0, 0, 0xFFFFF, CODE32_FLAGS)
        self.segment(DATA0, 0, 0xFFFFF, DATA32_FLAGS)
        self.segment(CODE3, 0, 0xFFFFF, CODE32_FLAGS | RING3)
        self.segment(DATA3, 0, 0xFFFFF, DATA32_FLAGS | RING3)
        self.segment(CONFORMING0, 0, 0xFFFFF, CODE32_FLAGS | 0x400)
        self.segment(CODE16, 0x20000, 0xFFFF, 0x9B00)
        self.segment(DATA16, 0x30000, 0xFFFF, 0x9300)
        self.segment(CODE1, 0, 0xFFFFF, CODE32_FLAGS | 1 << 13)
        self.segment(DATA1, 0, 0xFFFFF, DATA32_FLAGS | 1 << 13)

    def _run_flat(self, cpl: int, code_flags: int) -> None:
        self.q[s.RIP], self.q[s.RSP] = 0x5000, STACK_TOP
        code, data = (CODE3, DATA3) if cpl else (CODE0, DATA0)
        self.load(s.CS, code, 0, 0xFFFFFFFF, code_flags | cpl << 13)
        for index in (s.DS, s.ES, s.SS):
            self.load(index, data, 0, 0xFFFFFFFF, DATA32_FLAGS | cpl << 13)

    # Delivery.

    def deliver(self, event: Event) -> Delivery:
        return deliver(self.state, self.memory, event)

    def interrupt(self, vector: int) -> Delivery:
        return self.deliver(Event(vector, EventKind.EXTERNAL))

    def exception(self, vector: int, error_code: int | None = None) -> Delivery:
        return self.deliver(Event(vector, EventKind.EXCEPTION, error_code))

    def int_n(self, vector: int, next_rip: int) -> Delivery:
        kind = EventKind.SOFTWARE_INTERRUPT
        return self.deliver(Event(vector, kind, next_rip=next_rip))

    def int3(self, next_rip: int) -> Delivery:
        return self.deliver(Event(BP, EventKind.SOFTWARE_EXCEPTION, next_rip=next_rip))
