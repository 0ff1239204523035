"""The DSDT: what a guest cannot find by itself, by its Plug and Play names.

Documents: ACPI Specification 6.5, 5.2.11.1 and chapter 6; the _HID of the VMBus is the one that Linux and
FreeBSD look for. It is a plain string that no ASL compiler takes for an ID, so it is written as AML. Its
window lies in the resources of its parent, where guests search for it, and must stay free of memory and of
other chips. The PCI root has one bus, all ports but those of its own configuration mechanism, and the
addresses between the top of possible RAM and the VMBus window. Left out: interrupt routing (no function on
the bus has an interrupt pin), processor objects, power states other than soft off.
"""

from hv.root import aml
from hv_devices.emulated.acpi_pm import SLEEP_TYPE_SOFT_OFF

PCI_WINDOW = 0xE0000000
VMBUS_WINDOW = 0xF8000000
VMBUS_WINDOW_SIZE = 0x04000000

_CONFIG_PORTS, _CONFIG_PORTS_SIZE = 0xCF8, 8
_LAST_PORT = 0xFFFF

_VMBUS_IRQ = 5
_PRESENT = 0x0F  # and enabled, shown, working


def definition_block(*, vmbus: bool) -> bytes:
    """The DSDT behind its header."""
    devices = [
        _pci_root(),
        _isa("COM1", "PNP0501", aml.ports(0x3F8, 8), aml.irq(4), unit=0),
        _isa("COM2", "PNP0501", aml.ports(0x2F8, 8), aml.irq(3), unit=1),
        _isa("KBD", "PNP0303", aml.ports(0x60, 1), aml.ports(0x64, 1), aml.irq(1)),
        _isa("MOU", "PNP0F13", aml.irq(12)),
        _isa("RTC", "PNP0B00", aml.ports(0x70, 2), aml.irq(8)),
    ]
    if vmbus:
        devices.insert(0, _vmbus())
    sleep = aml.package(aml.integer(SLEEP_TYPE_SOFT_OFF), *[aml.integer(0)] * 3)
    return aml.name("\\_S5", sleep) + aml.scope("\\_SB", *devices)


def _pci_root() -> bytes:
    return aml.device(
        "PCI0",
        aml.name("_HID", aml.eisa_id("PNP0A03")),
        aml.name("_ADR", aml.integer(0)),
        aml.name("_BBN", aml.integer(0)),
        aml.name(
            "_CRS",
            aml.resources(
                aml.bus_numbers(0, 0),
                aml.ports(_CONFIG_PORTS, _CONFIG_PORTS_SIZE),
                aml.port_window(0, _CONFIG_PORTS - 1),
                aml.port_window(_CONFIG_PORTS + _CONFIG_PORTS_SIZE, _LAST_PORT),
                aml.memory_window(PCI_WINDOW, VMBUS_WINDOW - PCI_WINDOW),
            ),
        ),
    )


def _isa(label: str, plug_and_play: str, *resources: bytes, unit: int | None = None) -> bytes:
    unique = () if unit is None else (aml.name("_UID", aml.integer(unit)),)
    return aml.device(
        label,
        aml.name("_HID", aml.eisa_id(plug_and_play)),
        *unique,
        aml.name("_CRS", aml.resources(*resources)),
    )


def _vmbus() -> bytes:
    bus = aml.device(
        "VMBS",
        aml.name("_HID", aml.string("VMBus")),
        aml.name("_UID", aml.integer(0)),
        aml.name("_STA", aml.integer(_PRESENT)),
        aml.name("_CRS", aml.resources(aml.irq(_VMBUS_IRQ))),
    )
    window = aml.memory_window(VMBUS_WINDOW, VMBUS_WINDOW_SIZE)
    return aml.device(
        "VMOD",
        aml.name("_HID", aml.string("ACPI0004")),
        aml.name("_UID", aml.integer(0)),
        aml.name("_CRS", aml.resources(window)),
        bus,
    )
