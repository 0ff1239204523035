"""The hypervisor's CPUID leaves, 0x40000000 to 0x4000000A.

Follows the TLFS 6.0b, chapter Feature and Interface Discovery. Leaves that describe what is not there
(processor management, SVM, nesting) read zero and lie above the advertised maximum, as does the rest of the
hypervisor's range.
"""

from dataclasses import dataclass

from hv.tlfs.features import Features

Leaf = tuple[int, int, int, int]
"""EAX, EBX, ECX, EDX."""

FIRST_LEAF = 0x40000000
LAST_LEAF = 0x400000FF
MAX_LEAF = 0x40000006

_NOTHING: Leaf = (0, 0, 0, 0)
_U32 = 0xFFFFFFFF
_VENDOR = b"Microsoft Hv"
_INTERFACE = b"Hv#1"
_BUILD, _MAJOR, _MINOR = 19041, 10, 0
_NEVER_NOTIFY_OF_SPINNING = _U32


@dataclass(frozen=True, slots=True)
class Platform:
    """Facts of the machine that the interface tells the guest."""

    processors: int = 1
    physical_bits: int = 40
    apic_hz: int = 1_000_000_000
    """The APIC timer's clock before its divider."""


def _word(text: bytes) -> int:
    return int.from_bytes(text, "little")


class CpuidLeaves:
    """The table; call it with a leaf."""

    def __init__(self, features: Features, platform: Platform) -> None:
        privileges, processors = features.privileges, platform.processors
        vendor = (_word(_VENDOR[:4]), _word(_VENDOR[4:8]), _word(_VENDOR[8:]))
        self._table: dict[int, Leaf] = {}
        if not features:
            return
        self._table = {
            0x40000000: (MAX_LEAF, *vendor),
            0x40000001: (_word(_INTERFACE), 0, 0, 0),
            0x40000002: (_BUILD, _MAJOR << 16 | _MINOR, 0, 0),
            0x40000003: (privileges & _U32, privileges >> 32, 0, features.misc),
            0x40000004: (features.hints, _NEVER_NOTIFY_OF_SPINNING, platform.physical_bits, 0),
            0x40000005: (processors, processors, 0, 0),
            0x40000006: _NOTHING,  # hardware features in use by the hypervisor: none
            0x40000007: _NOTHING,  # processor management: a root partition's
            0x40000008: _NOTHING,  # shared virtual memory
            0x40000009: _NOTHING,  # a nested hypervisor's privileges
            0x4000000A: _NOTHING,  # nested optimisations
        }

    def __call__(self, leaf: int) -> Leaf | None:
        """EAX EBX ECX EDX; None for a leaf that is not the hypervisor's."""
        if not self._table or not FIRST_LEAF <= leaf <= LAST_LEAF:
            return None
        return self._table.get(leaf, _NOTHING)
