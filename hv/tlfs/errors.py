"""How the hypervisor refuses an instruction. Neither is an error of ours: the processor goes on with the handler."""


class AccessFault(Exception):
    """RDMSR or WRMSR of a synthetic register is refused: the guest gets #GP(0)."""


class UndefinedOperation(Exception):
    """A hypercall where none may be made, or in a form that is not offered: the guest gets #UD."""
