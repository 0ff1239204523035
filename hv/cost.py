"""What an exit costs in virtual time, on top of one cycle for each retired instruction.

Without such a price a polling loop would see time crawl: a guest that waits 10 ms for a timer by reading a
port would need a million reads, where a PC's bus allows ten thousand. The figures are round ones: an access
to a chip on the ISA bus takes about a microsecond on hardware, and so does a world switch with an intercept
handled in the hypervisor. RDTSC does not leave the guest on hardware and costs about 24 cycles there
(A. Fog, Instruction tables, AMD K8). Exceptions, INT n and SYSCALL stay in the guest on hardware, too: no
price.
"""

from dataclasses import dataclass

MODEL = "hv-0"
"""Name of this set of figures, as results report it."""


@dataclass(frozen=True, slots=True)
class ExitCosts:
    """Virtual nanoseconds for one exit of each kind."""

    port: int = 1000
    mmio: int = 1000
    cpuid: int = 1000
    msr: int = 1000
    hlt: int = 1000
    hypercall: int = 1000
    injection: int = 1000
    rdtsc: int = 24
