"""Why the processor left the guest: one closed set of values.

Numbers are AMD-V's #VMEXIT codes (AMD64 APM vol. 2, appendix C) where the architecture has one. The four
that Unicorn brings by other ways (ports, CPUID, SYSCALL, memory-mapped I/O) take the code the architecture
gives them, too, where there is one.
"""

from enum import IntEnum

INTR_BASE = 0x100
"""Unicorn reports #VMEXIT code c as interrupt number 0x100 + c."""


class ExitCode(IntEnum):
    """#VMEXIT codes that can reach us."""

    READ_CR8 = 0x08
    WRITE_CR8 = 0x18
    EXCEPTION = 0x40  # + vector, up to 0x5F
    RDTSC = 0x6E
    RDPMC = 0x6F
    CPUID = 0x72
    SWINT = 0x75
    INVD = 0x76
    HLT = 0x78
    IOIO = 0x7B
    MSR = 0x7C
    TASK_SWITCH = 0x7D
    SHUTDOWN = 0x7F
    VMRUN = 0x80
    VMMCALL = 0x81
    VMLOAD = 0x82
    VMSAVE = 0x83
    STGI = 0x84
    CLGI = 0x85
    SKINIT = 0x86
    RDTSCP = 0x87
    NPF = 0x400  # here: memory-mapped I/O


_INTERCEPT_BASE = 0x60
INTERCEPTED = sum(
    1 << (code - _INTERCEPT_BASE)
    for code in (
        ExitCode.RDTSC,
        ExitCode.RDPMC,
        ExitCode.SWINT,
        ExitCode.HLT,
        ExitCode.MSR,
        ExitCode.SHUTDOWN,
        ExitCode.VMRUN,
        ExitCode.VMMCALL,
        ExitCode.VMLOAD,
        ExitCode.VMSAVE,
        ExitCode.STGI,
        ExitCode.CLGI,
        ExitCode.SKINIT,
    )
)
"""The intercept word of the control block."""


INTERCEPTED_CR = 1 << 8
"""Control registers whose reads and writes exit: CR8, the APIC's task priority."""


class ExitReason(IntEnum):
    """What statistics call an exit."""

    PORT_READ = 0
    PORT_WRITE = 1
    MMIO_READ = 2
    MMIO_WRITE = 3
    MSR_READ = 4
    MSR_WRITE = 5
    CPUID = 6
    RDTSC = 7
    HLT = 8
    EXCEPTION = 9
    SOFTWARE_INTERRUPT = 10
    INTERRUPT = 11
    SYSCALL = 12
    HYPERCALL = 13
    ROOT_INTERRUPT = 14

    @property
    def label(self) -> str:
        return self.name.lower()


class Vector(IntEnum):
    """Exception vectors (Intel SDM vol. 3, table 6-1)."""

    DE = 0
    DB = 1
    NMI = 2
    BP = 3
    OF = 4
    BR = 5
    UD = 6
    NM = 7
    DF = 8
    TS = 10
    NP = 11
    SS = 12
    GP = 13
    PF = 14
    MF = 16
    AC = 17
    MC = 18
    XM = 19


PUSHES_ERROR_CODE = frozenset({8, 10, 11, 12, 13, 14, 17})
