"""The page walk: from a linear address to a guest physical one, as the processor does it.

Follows the Intel SDM (edition 084, 2024) vol. 3, chapter 4: no paging, 32-bit with 4 MiB pages and
PSE-36, PAE, and 4-level paging with 2 MiB and 1 GiB pages; NX, WP, SMEP, SMAP, reserved bits,
accessed and dirty bits. Physical addresses have 40 bits, as Unicorn's own walk assumes.

Left out: 5-level paging, protection keys, shadow stacks; PDPTEs are read from memory at each walk
and not kept from the last CR3 load. Nothing is cached: every access walks the tables as they are.
"""

from collections.abc import Callable
from enum import IntFlag
from typing import NamedTuple, Protocol

from hv.cpu.delivery_events import Fault
from hv.cpu.exits import Vector
from hv.cpu.state import A20_MASK, CR0, CR3, CR4, EFER, HFLAGS, RFLAGS, CpuState, Hflags, Rflags
from hv.interfaces import GuestMemory
from hv.memory import HIGH_RAM, LOW_RAM_END
from hv.types import PAGE_SIZE


class Access(IntFlag):
    """What is asked of a page; WRITE, USER and FETCH sit where a page fault's error code does."""

    READ = 0
    WRITE = 1 << 1
    USER = 1 << 2
    FETCH = 1 << 4
    IMPLICIT = 1 << 8  # the processor's own tables: EFLAGS.AC does not lift SMAP


class Entry(IntFlag):
    """Bits of a paging-structure entry (SDM vol. 3, tables 4-5 to 4-20)."""

    P = 1 << 0
    W = 1 << 1
    U = 1 << 2
    A = 1 << 5
    D = 1 << 6
    PS = 1 << 7
    NX = 1 << 63


class Cr0(IntFlag):
    """CR0 as far as memory access and event delivery care."""

    PE = 1 << 0
    WP = 1 << 16
    PG = 1 << 31


class Cr4(IntFlag):
    """CR4 as far as the page walk cares."""

    PSE = 1 << 4
    PAE = 1 << 5
    SMEP = 1 << 20
    SMAP = 1 << 21


# Plain ints: IntFlag arithmetic costs a microsecond.
READ, WRITE, USER, FETCH, IMPLICIT = (
    a.value for a in (Access.READ, Access.WRITE, Access.USER, Access.FETCH, Access.IMPLICIT)
)
_P, _W, _U, _A, _D, _PS, _NX = (
    e.value for e in (Entry.P, Entry.W, Entry.U, Entry.A, Entry.D, Entry.PS, Entry.NX)
)
_PG, _WP = Cr0.PG.value, Cr0.WP.value
_PSE, _PAE, _SMEP, _SMAP = Cr4.PSE.value, Cr4.PAE.value, Cr4.SMEP.value, Cr4.SMAP.value
_LMA_ACTIVE, _NXE = 1 << 10, 1 << 11  # of EFER
_WRITE_USER, _P_A = WRITE | USER, _P | _A
_LMA = Hflags.LMA.value
_AC = Rflags.AC.value
_ERROR_PRESENT = 1 << 0
_ERROR_RESERVED = 1 << 3

_ALL_32 = 0xFFFF_FFFF
_ALL_64 = 0xFFFF_FFFF_FFFF_FFFF
_OFFSET = PAGE_SIZE - 1
_FRAME = 0x000F_FFFF_FFFF_F000
_FRAME_2M = 0x000F_FFFF_FFE0_0000
_TOO_WIDE = 0x000F_FF00_0000_0000  # address bits 40 to 51
_PAE_RESERVED = 0x7FF0_0000_0000_0000  # bits 52 to 62: reserved in PAE, free in 4-level paging
_2M_RESERVED = 0x001F_E000
CANONICAL_TOPS = (0, 0x1FFFF)
"""Bits 47 to 63 of a canonical address."""

_LONG_SHIFTS = (39, 30, 21, 12)
_PAE_SHIFTS = (21, 12)


def is_canonical(linear: int) -> bool:
    """Whether bits 47 to 63 of a 64-bit address are all equal."""
    return linear >> 47 in CANONICAL_TOPS


class FlatMemory(GuestMemory, Protocol):
    """Guest physical memory with a view of its bytes from address 0 (hv.memory.PhysicalMemory)."""

    on_write: Callable[[int, int], None]
    """Told (gpa, bytes) of what was written past ``write``."""

    @property
    def view(self) -> memoryview: ...


class Ram:
    """Memory by guest physical address: plain words where there is RAM, the bus elsewhere.

    One call stays inside one page. The bus decides about ROM, video memory and holes.
    """

    __slots__ = ("_bus", "bytes", "d", "h", "q", "size")

    def __init__(self, memory: FlatMemory) -> None:
        self._bus = memory
        self.bytes = memory.view
        self.size = self.bytes.nbytes
        if self.size % PAGE_SIZE:
            raise ValueError(f"RAM must be whole pages, got {self.size} bytes")
        self.h = self.bytes.cast("H")
        self.d = self.bytes.cast("I")
        self.q = self.bytes.cast("Q")

    def read(self, gpa: int, size: int) -> bytes:
        if gpa < self.size:
            return bytes(self.bytes[gpa : gpa + size])
        return self._bus.read(gpa, size)

    def holds(self, gpa: int, size: int) -> bool:
        """Whether plain RAM is there; the range crosses no page."""
        return gpa < LOW_RAM_END or HIGH_RAM <= gpa <= self.size - size

    def write_u64s(self, gpa: int, words: tuple[int, ...]) -> None:
        """Quad words into RAM, aligned."""
        at = gpa >> 3
        for word in words:
            self.q[at] = word
            at += 1
        self._bus.on_write(gpa, 8 * len(words))

    def write(self, gpa: int, data: bytes) -> None:
        if HIGH_RAM <= gpa < self.size or gpa < LOW_RAM_END:
            self.bytes[gpa : gpa + len(data)] = data
            self._bus.on_write(gpa, len(data))
        else:
            self._bus.write(gpa, data)


class _Mapping(NamedTuple):
    """What the tables say about one linear address, before anyone judged an access."""

    gpa: int
    rights: int  # P, W and U as all levels together grant them
    no_execute: int
    path: list[tuple[int, int]]  # (address, entry), the leaf last; what gets the accessed bit
    entry_size: int


class _UnmappedError(Exception):
    """The tables hold no mapping; ``bits`` is what the error code says about that."""

    def __init__(self, bits: int) -> None:
        super().__init__(bits)
        self.bits = bits


_NO_PAGING_RIGHTS = _P | _W | _U


class PageWalk:
    """The page walk of one processor, with the side effects of the processor's own accesses.

    ``access`` is a sum of READ, WRITE, USER, FETCH, IMPLICIT. Below long mode linear addresses wrap
    at 4 GiB.
    """

    __slots__ = ("_ram", "_size", "_state_d", "_state_q", "_words")

    def __init__(self, state: CpuState, ram: Ram) -> None:
        self._ram = ram
        self._words = ram.q
        self._size = ram.size
        self._state_d = state.d
        self._state_q = state.q

    def translate(self, linear: int, access: int = READ) -> int:
        """The physical address behind ``linear``; sets accessed and dirty bits; may raise Fault.

        Spelled out here is the common case alone: long mode, 4 KiB and 2 MiB pages, bits already
        set. Entries are fetched on trust and judged together; whatever fails takes the slow walk.
        """
        state = self._state_q
        efer = state[EFER]
        if not efer & _LMA_ACTIVE or access & FETCH:
            return self.walk(linear, access)
        ram = self._words
        page = linear >> 12
        try:
            top = ram[((state[CR3] & _FRAME) >> 3) + (page >> 27 & 511)]
            middle = ram[((top & _FRAME) >> 3) + (page >> 18 & 511)]
            leaf = low = ram[((middle & _FRAME) >> 3) + (page >> 9 & 511)]
            if low & _PS:
                gpa = low & _FRAME_2M | linear & 0x1F_FFFF
            else:
                leaf = ram[((low & _FRAME) >> 3) + (page & 511)]
                gpa = leaf & _FRAME | linear & _OFFSET
        except IndexError:
            return self.walk(linear, access)
        granted = top & middle & low & leaf
        needed = access & _WRITE_USER | _P_A
        if (
            granted & needed == needed
            and (leaf & _D or not access & WRITE)
            and not ((granted ^ access) & _U and state[CR4] & _SMAP)
            and not (top | middle) & _PS
            and not (low & _PS and low & _2M_RESERVED)
            and gpa < self._size
            and linear >> 47 in CANONICAL_TOPS
            and (efer & _NXE or top | middle | low | leaf < _NX)
            and self._state_d[A20_MASK] == _ALL_32
        ):
            return gpa
        return self.walk(linear, access)

    def walk(self, linear: int, access: int = READ) -> int:
        """``translate`` without the short cut: any mode, any access, every check."""
        if not self._state_q[CR0] & _PG:
            return self._a20(linear & _ALL_32)
        linear = self._wrap(linear)
        if self._state_d[HFLAGS] & _LMA and not is_canonical(linear):
            raise Fault(Vector.GP, 0)
        try:
            mapping = self._resolve(linear)
        except _UnmappedError as unmapped:
            raise self._page_fault(linear, access, unmapped.bits) from None
        if not self._allowed(mapping, access):
            raise self._page_fault(linear, access, _ERROR_PRESENT)
        self._mark_used(mapping, access)
        return mapping.gpa

    def find(self, linear: int) -> int | None:
        """Where ``linear`` leads, with no rights checked and no bits set; None when unmapped."""
        linear = self._wrap(linear)
        if self._state_d[HFLAGS] & _LMA and not is_canonical(linear):
            return None
        try:
            return self._resolve(linear).gpa
        except _UnmappedError:
            return None

    # The walk in steps: where, whether, and the marks it leaves.

    def _wrap(self, linear: int) -> int:
        return linear & (_ALL_64 if self._state_d[HFLAGS] & _LMA else _ALL_32)

    def _a20(self, gpa: int) -> int:
        mask = self._state_d[A20_MASK]
        return gpa & (mask | (_ALL_64 ^ _ALL_32)) if mask != _ALL_32 else gpa

    def _resolve(self, linear: int) -> _Mapping:
        state = self._state_q
        if not state[CR0] & _PG:
            return _Mapping(self._a20(linear), _NO_PAGING_RIGHTS, 0, [], 4)
        reserved = _TOO_WIDE if state[EFER] & _NXE else _TOO_WIDE | _NX
        if self._state_d[HFLAGS] & _LMA:
            return self._resolve_wide(linear, state[CR3] & _FRAME, _LONG_SHIFTS, reserved)
        if not state[CR4] & _PAE:
            return self._resolve_narrow(linear)
        reserved |= _PAE_RESERVED
        pointer = self._entry((state[CR3] & 0xFFFF_FFE0) + (linear >> 30) * 8, 8)
        if not pointer & _P:
            raise _UnmappedError(0)
        if pointer & (reserved | _NX):
            raise _UnmappedError(_ERROR_PRESENT | _ERROR_RESERVED)
        return self._resolve_wide(linear, pointer & _FRAME, _PAE_SHIFTS, reserved)

    def _resolve_wide(
        self, linear: int, table: int, shifts: tuple[int, ...], reserved: int
    ) -> _Mapping:
        """8-byte entries: PAE below its PDPTEs, and 4-level paging."""
        granted, anywhere = _NO_PAGING_RIGHTS, 0
        path = []
        for shift in shifts:
            address = table + (linear >> shift & 511) * 8
            entry = self._entry(address, 8)
            if not entry & _P:
                raise _UnmappedError(0)
            forbidden = reserved | _PS if shift == 39 else reserved
            large = entry & _PS and shift != 12
            if large:
                forbidden |= (1 << shift) - 0x2000  # bit 12 is PAT
            if entry & forbidden:
                raise _UnmappedError(_ERROR_PRESENT | _ERROR_RESERVED)
            granted &= entry
            anywhere |= entry
            path.append((address, entry))
            table = entry & _FRAME
            if large:
                break
        offset = (1 << shift) - 1
        return _Mapping(
            self._a20(table & ~offset | linear & offset), granted, anywhere & _NX, path, 8
        )

    def _resolve_narrow(self, linear: int) -> _Mapping:
        """4-byte entries: 32-bit paging."""
        address = (self._state_q[CR3] & 0xFFFF_F000) + (linear >> 22) * 4
        directory = self._entry(address, 4)
        if not directory & _P:
            raise _UnmappedError(0)
        if directory & _PS and self._state_q[CR4] & _PSE:
            if directory & 1 << 21:
                raise _UnmappedError(_ERROR_PRESENT | _ERROR_RESERVED)
            high = (directory >> 13 & 0xFF) << 32  # PSE-36: bits 13 to 20 are address bits 32 to 39
            gpa = high | directory & 0xFFC0_0000 | linear & 0x3F_FFFF
            return _Mapping(self._a20(gpa), directory, 0, [(address, directory)], 4)
        leaf_address = (directory & 0xFFFF_F000) + (linear >> 12 & 0x3FF) * 4
        leaf = self._entry(leaf_address, 4)
        if not leaf & _P:
            raise _UnmappedError(0)
        gpa = self._a20(leaf & 0xFFFF_F000 | linear & _OFFSET)
        path = [(address, directory), (leaf_address, leaf)]
        return _Mapping(gpa, directory & leaf, 0, path, 4)

    def _entry(self, address: int, size: int) -> int:
        ram = self._ram
        address = self._a20(address)
        if address >= ram.size:
            return int.from_bytes(ram.read(address, size), "little")
        return ram.q[address >> 3] if size == 8 else ram.d[address >> 2]

    def _allowed(self, mapping: _Mapping, access: int) -> bool:
        """SDM vol. 3, 4.6: whether the rights cover the access."""
        state = self._state_q
        rights = mapping.rights
        if access & FETCH:
            if mapping.no_execute:
                return False
            if access & USER:
                return bool(rights & _U)
            return not (rights & _U and state[CR4] & _SMEP)
        if access & USER:
            return not access & (USER | WRITE) & ~rights
        if access & WRITE and not rights & _W and state[CR0] & _WP:
            return False
        if rights & _U and state[CR4] & _SMAP:
            return bool(state[RFLAGS] & _AC) and not access & IMPLICIT
        return True

    def _mark_used(self, mapping: _Mapping, access: int) -> None:
        last = len(mapping.path) - 1
        for index, (address, entry) in enumerate(mapping.path):
            used = entry | _A | (_D if index == last and access & WRITE else 0)
            if used != entry:
                data = used.to_bytes(mapping.entry_size, "little")
                self._ram.write(self._a20(address), data)

    def _page_fault(self, linear: int, access: int, bits: int) -> Fault:
        state = self._state_q
        bits |= access & (WRITE | USER)
        no_execute_on = state[EFER] & _NXE and state[CR4] & _PAE
        if access & FETCH and (no_execute_on or state[CR4] & _SMEP):
            bits |= FETCH
        return Fault(Vector.PF, bits, linear)
