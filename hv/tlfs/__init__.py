"""Microsoft's hypervisor interface (TLFS): CPUID leaves, synthetic MSRs, hypercalls, SynIC, timers.

Pure logic behind the doors of ``hv.tlfs.doors``; ``hv.tlfs.interface`` is what a partition is wired to.
"""

from hv.tlfs.calls_ports import POST_MESSAGE, SIGNAL_EVENT
from hv.tlfs.cpuid_leaves import Platform
from hv.tlfs.errors import AccessFault, UndefinedOperation
from hv.tlfs.features import Feature, Features
from hv.tlfs.features import parse as parse_features
from hv.tlfs.hypercall_abi import HypercallRegisters, HypercallResult
from hv.tlfs.hypercalls import name_of as hypercall_name
from hv.tlfs.interface import HypervisorInterface, VpInterface
from hv.tlfs.msrs import name_of as msr_name

__all__ = [
    "POST_MESSAGE",
    "SIGNAL_EVENT",
    "AccessFault",
    "Feature",
    "Features",
    "HypercallRegisters",
    "HypercallResult",
    "HypervisorInterface",
    "Platform",
    "UndefinedOperation",
    "VpInterface",
    "hypercall_name",
    "msr_name",
    "parse_features",
]
