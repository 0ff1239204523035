"""Entry states, and the tables in guest memory that they stand on.

Document: Intel SDM vol. 3A (325384-081), 3.4.5 (segment descriptors), 4.5 (4-level paging), 9.8
(mode switching). Flat protected mode and long mode use the selectors that Linux's boot protocol
wants (0x10 code, 0x18 data); the guest is free to load its own. Left out: paging for 32-bit
entries, 1 GiB pages, anything above 4 GiB.
"""

from collections.abc import Iterable, Mapping
from struct import Struct

from hv.loaders.image import EntryState, ImageError, Mode
from hv.loaders.layout import Layout
from hv.loaders.memory_map import CONVENTIONAL_TOP
from hv.types import PAGE_SIZE, Gpa

CODE_SELECTOR = 0x10
DATA_SELECTOR = 0x18

CR0_PE = 1 << 0
CR0_ET = 1 << 4
CR0_PG = 1 << 31
CR4_PAE = 1 << 5
EFER_LME = 1 << 8
EFER_LMA = 1 << 10

# Descriptors: limit 4 GiB in pages, present, ring 0, marked accessed so that loading them writes
# nothing.
_CODE32 = 0x00CF9B00_0000FFFF
_CODE64 = 0x00AF9B00_0000FFFF
_DATA = 0x00CF9300_0000FFFF

# Page table entries.
_PRESENT_WRITABLE = 0b11
_LARGE_PAGE = 1 << 7
_ENTRIES = 512
_LARGE_PAGE_SIZE = 2 << 20
_GIB = 4

_REAL_MODE_TOP = 1 << 20
_REAL_STACK_SIZE = 4 << 10

_GDT = Struct("<4Q")


def enter_flat(
    layout: Layout,
    mode: Mode,
    rip: int,
    *,
    registers: Mapping[str, int] | None = None,
    stack: int = 0,
) -> EntryState:
    """Enter at ``rip`` with flat segments, interrupts off, and ``stack`` bytes of stack if any."""
    registers = dict(registers or {})
    if stack:
        registers["RSP"] = layout.add(bytes(stack), "stack") + stack
    if mode is Mode.REAL16:
        raise ValueError("real mode has no flat segments")
    long_mode = mode is Mode.LONG64
    gdt = _GDT.pack(0, 0, _CODE64 if long_mode else _CODE32, _DATA)
    return EntryState(
        mode=mode,
        rip=rip,
        cs=CODE_SELECTOR,
        ds=DATA_SELECTOR,
        ss=DATA_SELECTOR,
        gdt=layout.add(gdt, "GDT"),
        gdt_limit=len(gdt) - 1,
        cr0=CR0_PE | CR0_ET | (CR0_PG if long_mode else 0),
        cr3=_identity_map(layout) if long_mode else 0,
        cr4=CR4_PAE if long_mode else 0,
        efer=EFER_LME | EFER_LMA if long_mode else 0,
        registers=registers,
    )


def enter_real(layout: Layout, address: int) -> EntryState:
    """Enter real mode at ``address``: as 0:address where that reaches, else in its own segment."""
    if address >= _REAL_MODE_TOP:
        raise ImageError(f"real mode cannot reach 0x{address:X}: it ends at 1 MiB", usage=True)
    segment = 0 if address < 0x10000 else address >> 4
    stack = layout.add(bytes(_REAL_STACK_SIZE), "stack")
    return EntryState(
        mode=Mode.REAL16,
        rip=address - 16 * segment,
        cs=segment,
        ds=segment,
        ss=stack >> 4,
        cr0=CR0_ET,
        registers={"RSP": _REAL_STACK_SIZE},
    )


def _identity_map(layout: Layout) -> Gpa:
    """Page tables that map the first 4 GiB onto themselves in 2 MiB pages; the address for CR3."""
    base = layout.find_high((2 + _GIB) * PAGE_SIZE, "page tables", top=CONVENTIONAL_TOP)
    directory_pointers = base + PAGE_SIZE
    directories = [directory_pointers + (1 + index) * PAGE_SIZE for index in range(_GIB)]
    pages = (n * _LARGE_PAGE_SIZE | _LARGE_PAGE for n in range(_GIB * _ENTRIES))
    tables = (_table([directory_pointers]), _table(directories), _table(pages))
    return layout.put(base, b"".join(tables), "page tables")


def _table(addresses: Iterable[int]) -> bytes:
    """Whole pages of table entries."""
    data = b"".join((address | _PRESENT_WRITABLE).to_bytes(8, "little") for address in addresses)
    return data + bytes(-len(data) % PAGE_SIZE)
