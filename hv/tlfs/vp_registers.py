"""Registers of a virtual processor by name, as HvCallGetVpRegisters and HvCallSetVpRegisters have them.

Follows the TLFS, data type HV_REGISTER_NAME. Three kinds: what CPUID tells, what is also a synthetic MSR,
and the processor's own, which the partition answers for. Left out: suspend and pending-event registers,
MTRRs, virtual secure mode, and all that belongs to features which are not offered.
"""

from enum import IntEnum

from hv.tlfs.errors import AccessFault
from hv.tlfs.hypercall_status import Refusal, Status
from hv.tlfs.msrs import CRASH_P0, MSRS, SINT0, STIMER0_CONFIG, read_msr, write_msr
from hv.tlfs.processor import SyntheticProcessor

_U64 = 0xFFFFFFFFFFFFFFFF


class VpRegister(IntEnum):
    """The processor's own (HvX64Register...). Segments are HV_X64_SEGMENT_REGISTER, tables
    HV_X64_TABLE_REGISTER, as 128-bit numbers."""

    RAX = 0x00020000
    RCX = 0x00020001
    RDX = 0x00020002
    RBX = 0x00020003
    RSP = 0x00020004
    RBP = 0x00020005
    RSI = 0x00020006
    RDI = 0x00020007
    R8 = 0x00020008
    R9 = 0x00020009
    R10 = 0x0002000A
    R11 = 0x0002000B
    R12 = 0x0002000C
    R13 = 0x0002000D
    R14 = 0x0002000E
    R15 = 0x0002000F
    RIP = 0x00020010
    RFLAGS = 0x00020011
    CR0 = 0x00040000
    CR2 = 0x00040001
    CR3 = 0x00040002
    CR4 = 0x00040003
    CR8 = 0x00040004
    DR0 = 0x00050000
    DR1 = 0x00050001
    DR2 = 0x00050002
    DR3 = 0x00050003
    DR6 = 0x00050004
    DR7 = 0x00050005
    ES = 0x00060000
    CS = 0x00060001
    SS = 0x00060002
    DS = 0x00060003
    FS = 0x00060004
    GS = 0x00060005
    LDTR = 0x00060006
    TR = 0x00060007
    IDTR = 0x00070000
    GDTR = 0x00070001
    TSC = 0x00080000
    EFER = 0x00080001
    KERNEL_GS_BASE = 0x00080002
    APIC_BASE = 0x00080003
    PAT = 0x00080004
    SYSENTER_CS = 0x00080005
    SYSENTER_EIP = 0x00080006
    SYSENTER_ESP = 0x00080007
    STAR = 0x00080008
    LSTAR = 0x00080009
    CSTAR = 0x0008000A
    SFMASK = 0x0008000B


_OWN = frozenset(register.value for register in VpRegister)
_WIDE = frozenset(range(VpRegister.ES.value, VpRegister.GDTR.value + 1))
"""More than 64 bits."""

_CPUID = {
    0x00000100: 0x40000002,  # HvRegisterHypervisorVersion
    0x00000200: 0x40000003,  # HvRegisterPrivilegesAndFeaturesInfo
    0x00000201: 0x40000004,  # HvRegisterFeaturesInfo
    0x00000202: 0x40000005,  # HvRegisterImplementationLimitsInfo
    0x00000203: 0x40000006,  # HvRegisterHardwareFeaturesInfo
}

_MSR = {
    0x00000215: 0x40000105,  # HvRegisterGuestCrashCtl
    0x00090000: 0x40000010,  # HvRegisterVpRuntime
    0x00090001: 0x40000001,  # HvX64RegisterHypercall
    0x00090002: 0x40000000,  # HvRegisterGuestOsId
    0x00090003: 0x40000002,  # HvRegisterVpIndex
    0x00090004: 0x40000020,  # HvRegisterTimeRefCount
    0x00090013: 0x40000073,  # HvRegisterVpAssistPage
    0x00090017: 0x40000021,  # HvRegisterReferenceTsc
    0x000A0010: 0x40000080,  # HvRegisterScontrol
    0x000A0011: 0x40000081,  # HvRegisterSversion
    0x000A0012: 0x40000082,  # HvRegisterSifp
    0x000A0013: 0x40000083,  # HvRegisterSipp
    0x000A0014: 0x40000084,  # HvRegisterEom
    **{0x00000210 + n: CRASH_P0 + n for n in range(5)},
    **{0x000A0000 + n: SINT0 + n for n in range(16)},
    **{0x000B0000 + n: STIMER0_CONFIG + n for n in range(8)},
}


def _offered_msr(vp: SyntheticProcessor, name: int) -> int:
    number = _MSR[name]
    if MSRS[number].feature not in vp.partition.features:
        raise Refusal(Status.ACCESS_DENIED)
    return number


def read_register(vp: SyntheticProcessor, name: int) -> int:
    """A register's 128 bits. Refusal when it cannot be read."""
    if name in _CPUID:
        words = vp.partition.cpuid(_CPUID[name]) or (0, 0, 0, 0)
        return sum(word << 32 * place for place, word in enumerate(words))
    if name in _MSR:
        try:
            return read_msr(vp, _offered_msr(vp, name))
        except AccessFault:
            raise Refusal(Status.INVALID_PARAMETER) from None
    value = vp.doors.state.read_register(name) if name in _OWN else None
    if value is None:
        raise Refusal(Status.UNKNOWN_REGISTER_NAME)
    return value


def write_register(vp: SyntheticProcessor, name: int, value: int) -> None:
    """Set a register. Refusal when it cannot be set, or not to this."""
    if name in _CPUID:
        raise Refusal(Status.INVALID_PARAMETER)
    if name not in _MSR and name not in _OWN:
        raise Refusal(Status.UNKNOWN_REGISTER_NAME)
    if value > _U64 and name not in _WIDE:
        raise Refusal(Status.INVALID_REGISTER_VALUE)
    if name in _MSR:
        try:
            write_msr(vp, _offered_msr(vp, name), value)
        except AccessFault:
            raise Refusal(Status.INVALID_PARAMETER) from None
    elif not vp.doors.state.write_register(name, value):
        raise Refusal(Status.INVALID_PARAMETER)
