"""Which figures of a model an exit, a device request and an injection add up to."""

from enum import Enum


class Place(Enum):
    """Where an exit is answered."""

    HYPERVISOR = "hypervisor"
    KERNEL = "root, kernel"  # the root partition's kernel: providers behind the VMBus
    USER = "root, user"  # the root partition's worker process: emulated chips
    TOOL = "tool"  # ports that no PC has, for whoever runs the guest: free, and no exit of a hypervisor's


class Trigger(Enum):
    """What leads out of a guest on hardware."""

    PORT = "port"
    MMIO = "mmio"
    MSR = "msr"
    CPUID = "cpuid"
    HLT = "hlt"
    HYPERCALL = "hypercall"


class WorkKind(Enum):
    """What a device did for one request."""

    PIO = "programmed I/O"
    DMA = "bus master"
    VSP = "provider"
    INPUT = "input"
    ROOT_INTERRUPT = "interrupt from the root"
    INTERRUPT = "interrupt"


_AT = {
    Place.HYPERVISOR: ("device_work.hypervisor",),
    Place.KERNEL: ("device_work.hypervisor", "delivery.kernel"),
    Place.USER: ("delivery.user", "device_work.user"),
}

FREE: tuple[str, ...] = ()

EXIT_PRICES = {
    (trigger, place): (f"world_switch.{trigger.value}", *figures)
    for trigger in Trigger
    for place, figures in _AT.items()
}
"""(trigger, place) -> the figures that one such exit costs."""

_REQUEST = {
    WorkKind.PIO: ("device_work.user_request", "device_work.disk_request"),
    WorkKind.DMA: ("device_work.user_request", "device_work.disk_request"),
    WorkKind.VSP: ("device_work.kernel_request", "device_work.disk_request"),
    WorkKind.INPUT: ("device_work.user_request",),
    WorkKind.INTERRUPT: ("injection.interrupt",),
    WorkKind.ROOT_INTERRUPT: ("injection.interrupt", "device_work.user"),
}
_SECTOR = {
    WorkKind.PIO: ("data.pio_sector",),
    WorkKind.DMA: ("data.dma_sector",),
    WorkKind.VSP: ("data.vsp_sector",),
}


def work_figures(kind: WorkKind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The figures of one request, and those of each 512 bytes that it moved."""
    return _REQUEST[kind], _SECTOR.get(kind, FREE)
