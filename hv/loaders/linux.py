"""Linux kernels: bzImages, and the vmlinux ELF itself.

Document: Linux, Documentation/arch/x86/boot.rst, "64-bit Boot Protocol" and "32-bit Boot Protocol".

A bzImage's kernel is unpacked here and entered at its own start, at the address it is linked for:
its decompressor never runs, so neither does its address randomisation. A codec we do not have (or
``unpack=False``) leaves that to the decompressor. The entropy pool gets a fixed seed, so a boot is
reproducible. Left out: the 16-bit entry, EFI, PVH, kernels above 4 GiB.
"""

from dataclasses import dataclass
from pathlib import Path

from hv.loaders import bzimage
from hv.loaders.bzimage import SetupHeader
from hv.loaders.elf import ElfFile, is_elf, place
from hv.loaders.entry import enter_flat
from hv.loaders.image import BootImage, ImageError, LoadOptions, Mode
from hv.loaders.layout import Layout
from hv.loaders.memory_map import FOUR_GIB, HIGH_MEMORY
from hv.loaders.payload import find_codec, unpack_payload
from hv.loaders.source import Source, c_string, read_file
from hv.loaders.symbols import NO_SYMBOLS, SymbolTable
from hv.loaders.zero_page import ZeroPage, rng_seed
from hv.types import Gpa

_ENTRY_64_AT = 0x200
"""Of a bzImage's protected-mode part; the 32-bit entry is at its start."""

_COMMAND_LINE_SIZE = 2047
_INITRD_MAX = 0x7FFFFFFF
"""What a kernel without setup header is taken to allow."""

# ELF notes that tell a Linux kernel from other ELF64 files.
_LINUX_OWNER = b"Linux"
_XEN_OWNER = b"Xen"
_XEN_GUEST_OS = 6


@dataclass(frozen=True, slots=True)
class _Kernel:
    """A kernel in its place: how to enter it and what it allows."""

    form: str
    mode: Mode
    rip: int
    header: bytes | None
    cmdline_size: int = _COMMAND_LINE_SIZE
    initrd_max: int = _INITRD_MAX
    symbols: SymbolTable = NO_SYMBOLS


def is_linux(source: Source) -> bool:
    return bzimage.is_bzimage(source) or is_vmlinux(source)


def is_vmlinux(source: Source) -> bool:
    """An ELF64 whose notes are Linux's. Other kernels with a Xen note name themselves there."""
    if not is_elf(source):
        return False
    try:
        notes = list(ElfFile(source.data).notes())
    except ImageError:
        return False
    systems = [
        note.data for note in notes if (note.owner, note.type) == (_XEN_OWNER, _XEN_GUEST_OS)
    ]
    return any(note.owner == _LINUX_OWNER for note in notes) or b"linux\0" in systems


def load_linux(source: Source, options: LoadOptions) -> BootImage:
    """Place the kernel and all that it is told; enter by the 64-bit, else the 32-bit protocol."""
    layout = Layout(options.memory)
    if bzimage.is_bzimage(source):
        kernel = _place_bzimage(source, options, layout)
    elif is_elf(source):
        kernel = _place_vmlinux(source, layout)
    else:
        raise ImageError("neither a bzImage nor a vmlinux")
    page = ZeroPage(kernel.header)
    page.memory(layout.map)
    page.command_line(_place_command_line(layout, options.command_line, kernel.cmdline_size))
    page.setup_data(layout.add(rng_seed(options.seed), "random seed"))
    if options.rsdp is not None:
        page.acpi(options.rsdp)
    if options.text_screen:
        page.text_screen()
    lines = [kernel.form, f"entered at 0x{kernel.rip:X} in {kernel.mode}-bit mode"]
    if options.initrd:
        address, size = _place_initrd(layout, options.initrd, kernel.initrd_max)
        page.initrd(address, size)
        lines.append(f"initrd of {-(-size >> 10)} KiB at 0x{address:X}")
    if "console=" not in options.command_line:
        lines.append("prints on its VGA screen only: --append console=ttyS0 for the serial port")
    registers = {"RSI": layout.add(bytes(page), "zero page")}
    return BootImage(
        kind="linux",
        name=source.name,
        summary=tuple(lines),
        entry=enter_flat(layout, kernel.mode, kernel.rip, registers=registers),
        segments=layout.segments,
        symbols=kernel.symbols,
    )


def _place_vmlinux(source: Source, layout: Layout) -> _Kernel:
    elf = ElfFile(source.data)
    _check_64(elf)
    rip = place(elf, layout)
    symbols = SymbolTable(elf.symbols)
    return _Kernel("Linux kernel (vmlinux)", Mode.LONG64, rip, header=None, symbols=symbols)


def _place_bzimage(source: Source, options: LoadOptions, layout: Layout) -> _Kernel:
    header = bzimage.read_header(source.data)
    code = source.data[header.setup_size :]
    payload = _payload(header, code)
    codec = find_codec(payload) if options.unpack and header.has_entry_64 else None
    if codec is None:
        how, mode, rip = _place_compressed(header, code, layout)
    else:
        elf = ElfFile(memoryview(unpack_payload(codec, payload)))
        _check_64(elf)
        how, mode, rip = f"{codec.name} payload unpacked", Mode.LONG64, place(elf, layout)
    protocol = f"{header.version >> 8}.{header.version & 0xFF:02}"
    return _Kernel(
        form=f"Linux {header.release} (bzImage, boot protocol {protocol}, {how})",
        mode=mode,
        rip=rip,
        header=header.raw,
        cmdline_size=header.cmdline_size,
        initrd_max=header.initrd_addr_max,
    )


def _payload(header: SetupHeader, code: memoryview) -> memoryview:
    end = header.payload_offset + header.payload_length
    if end > len(code):
        raise ImageError(f"truncated: its payload ends at 0x{header.setup_size + end:X}")
    return code[header.payload_offset : end]


def _place_compressed(
    header: SetupHeader, code: memoryview, layout: Layout
) -> tuple[str, Mode, int]:
    """The protected-mode part as it is, with the room that its decompressor asks for."""
    start = header.pref_address or HIGH_MEMORY
    layout.put(start, code, "kernel", size=max(header.init_size, len(code)))
    if header.has_entry_64:
        return "unpacks itself", Mode.LONG64, start + _ENTRY_64_AT
    return "unpacks itself", Mode.PROTECTED32, start


def _check_64(elf: ElfFile) -> None:
    if elf.bits != 64:
        raise ImageError("a 32-bit vmlinux: boot its bzImage instead")


def _place_command_line(layout: Layout, text: str, limit: int) -> Gpa:
    line = c_string(text, "command line")
    if len(line) - 1 > limit:
        raise ImageError(
            f"the command line has {len(line) - 1} bytes, this kernel takes {limit}", usage=True
        )
    return layout.add(line, "command line")


def _place_initrd(layout: Layout, paths: tuple[Path, ...], highest: int) -> tuple[Gpa, int]:
    """All files behind one another, as high as the kernel allows; archives start on 4 bytes."""
    parts = [read_file(path) for path in paths]
    data = b"".join(part + bytes(-len(part) % 4) for part in parts[:-1]) + parts[-1]
    place = layout.find_high(len(data), "initrd", top=min(highest + 1, FOUR_GIB))
    return layout.put(place, data, "initrd"), len(data)
