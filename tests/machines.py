"""Machines for tests: a few lines of assembly, run from a given mode, no firmware."""

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.images import flat_options, whole_sectors
from hv.root.machine import Machine, Outputs

MEMORY = 2 << 20
PASS = "mov al, 0\nout 0xf4, al\n"


def flat(source: str, *, bits: int = 16, origin: int = 0x7C00, memory: int = MEMORY) -> Machine:
    """``source`` at ``origin`` in real mode, flat protected mode or long mode."""
    assembly = assemble_text(f".code{bits}\n{source}", name="test", origin=origin)
    options = flat_options(assembly, LoadOptions(memory=memory, mode=Mode(bits)))
    image = load_bytes(assembly.code, options, name="test")
    return Machine(MachineConfig(memory=memory), image)


def boot_sector(source: str, *, memory: int = 4 << 20, outputs: Outputs | None = None) -> Machine:
    """``source`` as a boot sector, started by the firmware from the hard disk."""
    text = f"org 0x7c00\nbits 16\n{source}\ntimes 510-($-$$) db 0\ndw 0xaa55\n"
    code = whole_sectors(assemble_text(text, name="test").code)
    image = load_bytes(code, LoadOptions(memory=memory), name="test")
    return Machine(MachineConfig(memory=memory), image, outputs)
