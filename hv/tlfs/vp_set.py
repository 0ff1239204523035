"""Sets of virtual processors as hypercalls name them: a mask of 64, or HV_VP_SET.

Follows the TLFS 6.0b, data type HV_VP_SET. A processor that is named and does not exist is passed over.
"""

from collections.abc import Sequence
from enum import IntEnum

from hv.tlfs.hypercall_status import Refusal, Status

BANK = 64


class VpSetFormat(IntEnum):
    SPARSE = 0
    ALL = 1


def from_mask(mask: int, processors: int) -> list[int]:
    """Indices of the bits of ``mask`` that are processors."""
    return [index for index in range(min(BANK, processors)) if mask >> index & 1]


def from_banks(kind: int, valid: int, banks: Sequence[int], processors: int) -> list[int]:
    """Indices in an HV_VP_SET: of the banks, only those in ``valid`` are given. Refusal when malformed."""
    if kind == VpSetFormat.ALL:
        return list(range(processors))
    if kind != VpSetFormat.SPARSE:
        raise Refusal(Status.INVALID_PARAMETER)
    if valid.bit_count() != len(banks):
        raise Refusal(Status.INVALID_HYPERCALL_INPUT)
    numbers = (number for number in range(BANK) if valid >> number & 1)
    given = dict(zip(numbers, banks, strict=True))
    return [index for index in range(processors) if given.get(index // BANK, 0) >> index % BANK & 1]
