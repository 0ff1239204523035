"""How the hypervisor refuses an instruction: the processor goes on with the handler of a fault.

Another room than hv.cpu, so these are not its faults; whoever wires the two together translates.
"""


class AccessFault(Exception):
    """RDMSR or WRMSR of a synthetic register is refused: the guest gets #GP(0)."""


class UndefinedOperation(Exception):
    """A hypercall where none may be made, or in a form that is not offered: the guest gets #UD."""
