"""Numbers that must not be mixed, given types of their own.

Sizes are bytes, times are virtual nanoseconds unless a name says otherwise.
"""

from typing import NewType

Gpa = NewType("Gpa", int)
"""Guest physical address."""

Gva = NewType("Gva", int)
"""Guest linear address: what paging translates, segment base already added."""

Port = NewType("Port", int)
"""x86 I/O port, 0 to 0xFFFF."""

Msr = NewType("Msr", int)
"""Model-specific register number, as ECX holds it."""

SECTOR_SIZE = 512
PAGE_SIZE = 4096
NS_PER_SECOND = 1_000_000_000
