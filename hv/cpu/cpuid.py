"""CPUID: one fixed, documented processor model. Nothing is advertised that is not there.

The model is an "AuthenticAMD" family 6 processor, because Unicorn's QEMU64 is one and its guest-mode checks
are AMD's: SYSCALL in all of long mode, no Meltdown. Left out on purpose, although Unicorn could decode
some: RDRAND and RDSEED (host randomness), the PMU (leaf 0xA), machine check, MTRRs, SVM itself, VME,
XSAVE, MONITOR. Sources: AMD CPUID Specification (25481), Intel SDM vol. 2 CPUID.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from hv.cpu.engine import PHYSICAL_BITS
from hv.cpu.reset import CPUID_SIGNATURE

Leaf = tuple[int, int, int, int]
LeafReader = Callable[[int], Leaf]
"""Takes the subleaf (ECX), gives EAX, EBX, ECX, EDX."""

VENDOR = b"AuthenticAMD"
BRAND = b"hv x86-64 virtual processor"
_LINEAR_BITS = 48
_CLFLUSH_LINE = 64


class Leaf1Edx(IntFlag):
    FPU = 1 << 0
    DE = 1 << 2
    PSE = 1 << 3
    TSC = 1 << 4
    MSR = 1 << 5
    PAE = 1 << 6
    CX8 = 1 << 8
    APIC = 1 << 9
    SEP = 1 << 11
    PGE = 1 << 13
    CMOV = 1 << 15
    PAT = 1 << 16
    PSE36 = 1 << 17
    CLFSH = 1 << 19
    MMX = 1 << 23
    FXSR = 1 << 24
    SSE = 1 << 25
    SSE2 = 1 << 26


class Leaf1Ecx(IntFlag):
    SSE3 = 1 << 0
    CX16 = 1 << 13
    TSC_DEADLINE = 1 << 24
    HYPERVISOR = 1 << 31


class ExtendedEdx(IntFlag):
    """Leaf 0x80000001; the low bits repeat leaf 1's."""

    SYSCALL = 1 << 11
    NX = 1 << 20
    LM = 1 << 29


_EDX = (
    Leaf1Edx.FPU
    | Leaf1Edx.DE
    | Leaf1Edx.PSE
    | Leaf1Edx.TSC
    | Leaf1Edx.MSR
    | Leaf1Edx.PAE
    | Leaf1Edx.CX8
    | Leaf1Edx.SEP
    | Leaf1Edx.PGE
    | Leaf1Edx.CMOV
    | Leaf1Edx.PAT
    | Leaf1Edx.PSE36
    | Leaf1Edx.CLFSH
    | Leaf1Edx.MMX
    | Leaf1Edx.FXSR
    | Leaf1Edx.SSE
    | Leaf1Edx.SSE2
).value
_ECX = (Leaf1Ecx.SSE3 | Leaf1Ecx.CX16).value
_SHARED_EDX = _EDX & ~(Leaf1Edx.SEP | Leaf1Edx.CLFSH | Leaf1Edx.SSE | Leaf1Edx.SSE2).value
_EXTENDED_EDX = _SHARED_EDX | (ExtendedEdx.SYSCALL | ExtendedEdx.NX | ExtendedEdx.LM).value
_LAHF_SAHF = 1
_ARAT = 1 << 2

MAX_BASIC = 7
MAX_EXTENDED = 0x80000008


def _word(text: bytes, at: int) -> int:
    return int.from_bytes(text[at : at + 4].ljust(4, b"\0"), "little")


def _vendor(max_leaf: int) -> Leaf:
    return max_leaf, _word(VENDOR, 0), _word(VENDOR, 8), _word(VENDOR, 4)


def _brand(part: int) -> Leaf:
    at = 16 * part
    return _word(BRAND, at), _word(BRAND, at + 4), _word(BRAND, at + 8), _word(BRAND, at + 12)


@dataclass(frozen=True)
class CpuidModel:
    """The leaves of one virtual processor. ``apic_id`` appears in leaf 1, EBX 31:24."""

    leaves: dict[int, LeafReader]

    @staticmethod
    def build(apic_id: int = 0, extra_edx: int = 0, extra_ecx: int = 0) -> "CpuidModel":
        """The documented model, plus feature bits of leaf 1 that the board brings."""
        ebx = apic_id << 24 | 1 << 16 | (_CLFLUSH_LINE // 8) << 8

        def constant(leaf: Leaf) -> LeafReader:
            return lambda _subleaf: leaf

        return CpuidModel(
            {
                0: constant(_vendor(MAX_BASIC)),
                1: constant((CPUID_SIGNATURE, ebx, _ECX | extra_ecx, _EDX | extra_edx)),
                6: constant((_ARAT if extra_edx & Leaf1Edx.APIC.value else 0, 0, 0, 0)),
                0x80000000: constant(_vendor(MAX_EXTENDED)),
                0x80000001: constant((CPUID_SIGNATURE, 0, _LAHF_SAHF, _EXTENDED_EDX | extra_edx)),
                0x80000002: constant(_brand(0)),
                0x80000003: constant(_brand(1)),
                0x80000004: constant(_brand(2)),
                0x80000008: constant((_LINEAR_BITS << 8 | PHYSICAL_BITS, 0, 0, 0)),
            }
        )

    def read(self, leaf: int, subleaf: int) -> Leaf:
        """EAX EBX ECX EDX. A leaf that is not modelled reads zero."""
        reader = self.leaves.get(leaf)
        return reader(subleaf) if reader else (0, 0, 0, 0)
