"""The page walk and linear memory, through tables built in RAM (SDM vol. 3, chapter 4)."""

import itertools

import pytest

from hv.cpu import state as s
from hv.cpu.delivery_events import Fault
from hv.cpu.page_walk import FETCH, IMPLICIT, READ, USER, WRITE, PageWalk, Ram
from hv.cpu.state import STATE_SIZE, CpuState
from tests.cpu.synthetic import AC, GP, PD, PDPT, PF, PML4, PT, RAM_SIZE, Cpu, FlatRam

P, W, U, A, D, PS, NX = 1, 2, 4, 0x20, 0x40, 0x80, 1 << 63
CR0_PG, CR0_WP = 1 << 31, 1 << 16
CR4_PSE, CR4_PAE, CR4_SMEP, CR4_SMAP = 1 << 4, 1 << 5, 1 << 20, 1 << 21
EFER_NXE = 1 << 11

ERROR_P, ERROR_W, ERROR_U, ERROR_RSVD, ERROR_I = 1, 2, 4, 8, 16

DIRECTORY, TABLE = 0x20000, 0x21000


class Walker:
    """A page walk with a fault turned into (vector, error code, address)."""

    def __init__(self) -> None:
        self.cpu = Cpu()
        self.cpu.q[s.CR0] = CR0_PG | CR0_WP | 1
        self.walk = PageWalk(self.cpu.state, Ram(self.cpu.ram))

    def translate(self, linear: int, access: int = READ) -> object:
        return outcome(self.walk, "translate", linear, access)


@pytest.fixture
def two_level() -> Walker:
    """32-bit paging; linear 0x400000 is page 0x5000, writable for the user."""
    walker = Walker()
    walker.cpu.q[s.CR3] = DIRECTORY
    walker.cpu.put(DIRECTORY + 4, TABLE | U | W | P, 4)
    walker.cpu.put(TABLE, 0x5000 | U | W | P, 4)
    return walker


@pytest.fixture
def pae() -> Walker:
    """PAE paging; linear 0x40000000 is page 0x5000, writable for the user."""
    walker = Walker()
    walker.cpu.q[s.CR3] = PDPT | 0x20  # PDPTEs are 32-byte aligned
    walker.cpu.q[s.CR4] = CR4_PAE
    walker.cpu.q[s.EFER] = EFER_NXE
    walker.cpu.put(PDPT + 0x20 + 8, PD | P)
    walker.cpu.put(PD, PT | U | W | P)
    walker.cpu.put(PT, 0x5000 | U | W | P)
    return walker


@pytest.fixture
def long() -> Walker:
    """4-level paging, identity for 2 MiB, supervisor and writable; linear 0x5000 also for users."""
    walker = Walker()
    walker.cpu.long()
    walker.cpu.put(PT + 8 * 5, 0x5000 | U | W | P)
    return walker


class TestNoPaging:
    def test_linear_is_physical_and_wraps_at_4_gib(self) -> None:
        walker = Walker()
        walker.cpu.q[s.CR0] = 0
        assert walker.translate(0x12345) == 0x12345
        assert walker.translate(0x1_0000_0010, WRITE) == 0x10

    def test_a20_mask_folds_the_second_mebibyte(self) -> None:
        walker = Walker()
        walker.cpu.q[s.CR0] = 0
        walker.cpu.d[s.A20_MASK] = 0xFFEFFFFF
        assert walker.translate(0x100010) == 0x10
        assert walker.translate(0x200010) == 0x200010


class TestTwoLevel:
    def test_reads_set_accessed_and_writes_set_dirty_in_the_leaf(self, two_level: Walker) -> None:
        assert two_level.translate(0x400123) == 0x5123
        assert two_level.cpu.get(DIRECTORY + 4, 4) == TABLE | A | U | W | P
        assert two_level.cpu.get(TABLE, 4) == 0x5000 | A | U | W | P
        assert two_level.translate(0x400123, WRITE) == 0x5123
        assert two_level.cpu.get(TABLE, 4) == 0x5000 | D | A | U | W | P
        assert two_level.cpu.get(DIRECTORY + 4, 4) == TABLE | A | U | W | P

    def test_missing_directory_entry(self, two_level: Walker) -> None:
        assert two_level.translate(0x800000, WRITE | USER) == (PF, ERROR_W | ERROR_U, 0x800000)

    def test_missing_page(self, two_level: Walker) -> None:
        assert two_level.translate(0x401FFF) == (PF, 0, 0x401FFF)

    def test_user_needs_u_at_both_levels(self, two_level: Walker) -> None:
        assert two_level.translate(0x400000, USER) == 0x5000
        two_level.cpu.put(DIRECTORY + 4, TABLE | W | P, 4)
        assert two_level.translate(0x400000, USER) == (PF, ERROR_U | ERROR_P, 0x400000)
        assert two_level.translate(0x400000) == 0x5000

    def test_write_protection_binds_the_supervisor_when_wp_is_set(self, two_level: Walker) -> None:
        two_level.cpu.put(TABLE, 0x5000 | U | P, 4)
        assert two_level.translate(0x400000, WRITE) == (PF, ERROR_W | ERROR_P, 0x400000)
        assert two_level.cpu.get(TABLE, 4) == 0x5000 | U | P, "a refused access sets no bits"
        two_level.cpu.q[s.CR0] &= ~CR0_WP
        assert two_level.translate(0x400000, WRITE) == 0x5000
        refused = (PF, ERROR_U | ERROR_W | ERROR_P, 0x400000)
        assert two_level.translate(0x400000, WRITE | USER) == refused

    def test_4_mib_pages_carry_address_bits_32_to_39(self, two_level: Walker) -> None:
        two_level.cpu.q[s.CR4] = CR4_PSE
        two_level.cpu.put(DIRECTORY + 4, 0x00C00000 | 0x12 << 13 | PS | W | P, 4)
        assert two_level.translate(0x7FFFFF, WRITE) == 0x12_00FFFFFF
        assert two_level.cpu.get(DIRECTORY + 4, 4) & (A | D) == A | D

    def test_bit_21_of_a_4_mib_page_is_reserved(self, two_level: Walker) -> None:
        two_level.cpu.q[s.CR4] = CR4_PSE
        two_level.cpu.put(DIRECTORY + 4, 0x00C00000 | 1 << 21 | PS | W | P, 4)
        assert two_level.translate(0x400000) == (PF, ERROR_RSVD | ERROR_P, 0x400000)

    def test_without_pse_bit_7_means_nothing(self, two_level: Walker) -> None:
        two_level.cpu.put(DIRECTORY + 4, TABLE | PS | U | W | P, 4)
        assert two_level.translate(0x400000) == 0x5000

    def test_fetch_is_named_in_the_error_code_with_smep_alone(self, two_level: Walker) -> None:
        assert two_level.translate(0x401000, FETCH) == (PF, 0, 0x401000)
        two_level.cpu.q[s.CR4] = CR4_SMEP
        assert two_level.translate(0x401000, FETCH) == (PF, ERROR_I, 0x401000)

    def test_tables_beyond_ram_read_as_ones(self, two_level: Walker) -> None:
        two_level.cpu.q[s.CR3] = 0xC0000000
        assert two_level.translate(0x400123) == 0xFFFFF123

    def test_linear_addresses_wrap_at_4_gib(self, two_level: Walker) -> None:
        assert two_level.translate(0x1_00400123) == 0x5123


class TestPae:
    def test_walks_from_the_page_directory_pointers(self, pae: Walker) -> None:
        assert pae.translate(0x40000123, WRITE) == 0x5123
        assert pae.cpu.get(PT) == 0x5000 | D | A | U | W | P
        assert pae.cpu.get(PD) == PT | A | U | W | P
        assert pae.cpu.get(PDPT + 0x28) == PD | P, "PDPTEs have no accessed bit"

    def test_missing_pointer(self, pae: Walker) -> None:
        assert pae.translate(0x80000000) == (PF, 0, 0x80000000)

    def test_2_mib_page(self, pae: Walker) -> None:
        pae.cpu.put(PD + 8, 0x600000 | PS | W | P)
        assert pae.translate(0x40212345) == 0x612345

    @pytest.mark.parametrize("bit", [52, 58, 62, 40, 51])
    def test_bits_52_to_62_are_reserved(self, pae: Walker, bit: int) -> None:
        pae.cpu.put(PT, 1 << bit | 0x5000 | U | W | P)
        assert pae.translate(0x40000000) == (PF, ERROR_RSVD | ERROR_P, 0x40000000)

    def test_reserved_pointer(self, pae: Walker) -> None:
        pae.cpu.put(PDPT + 0x28, NX | PD | P)
        assert pae.translate(0x40000000) == (PF, ERROR_RSVD | ERROR_P, 0x40000000)

    def test_no_execute(self, pae: Walker) -> None:
        pae.cpu.put(PT, NX | 0x5000 | U | W | P)
        assert pae.translate(0x40000000, USER) == 0x5000
        refused = (PF, ERROR_I | ERROR_U | ERROR_P, 0x40000000)
        assert pae.translate(0x40000000, FETCH | USER) == refused


class TestLong:
    def test_4_kib_page(self, long: Walker) -> None:
        assert long.translate(0x6123, WRITE) == 0x6123
        assert long.cpu.get(PT + 8 * 6) == 0x6000 | D | A | W | P
        for table, entry in ((PML4, PDPT), (PDPT, PD), (PD, PT)):
            assert long.cpu.get(table) == entry | A | U | W | P
        assert long.translate(0x6123, WRITE) == 0x6123

    def test_2_mib_page(self, long: Walker) -> None:
        long.cpu.put(PD + 8, 0x200000 | 1 << 12 | PS | W | P)  # bit 12 is PAT
        assert long.translate(0x234567) == 0x234567
        assert long.cpu.get(PD + 8) & (A | D) == A
        assert long.translate(0x234567, WRITE) == 0x234567
        assert long.cpu.get(PD + 8) & (A | D) == A | D
        assert long.translate(0x234567, WRITE) == 0x234567

    def test_1_gib_page(self, long: Walker) -> None:
        long.cpu.put(PDPT + 8, 0x80000000 | PS | W | P)
        assert long.translate(0x6ABCDEF0) == 0xAABCDEF0

    def test_the_upper_half_is_canonical_and_the_hole_is_not(self, long: Walker) -> None:
        long.cpu.put(PML4 + 8 * 511, PDPT | W | P)
        assert long.translate(0xFFFF_FF80_0000_6000) == 0x6000
        assert long.translate(0x0000_8000_0000_0000) == (GP, 0, 0)
        assert long.translate(0xFFFF_7FFF_FFFF_FFFF) == (GP, 0, 0)

    @pytest.mark.parametrize(
        ("entry", "bits"),
        [
            (PML4, PS),
            (PML4, 1 << 45),
            (PDPT, 1 << 40),
            (PD, 1 << 51),
            (PT, 1 << 41),
        ],
    )
    def test_reserved_bits(self, long: Walker, entry: int, bits: int) -> None:
        long.cpu.put(entry, long.cpu.get(entry) | bits)
        assert long.translate(0, WRITE) == (PF, ERROR_RSVD | ERROR_W | ERROR_P, 0)

    def test_there_are_no_512_gib_pages(self, long: Walker) -> None:
        long.cpu.put(PML4, PS | D | A | U | W | P)
        assert long.translate(0) == (PF, ERROR_RSVD | ERROR_P, 0)

    def test_large_pages_must_be_aligned(self, long: Walker) -> None:
        long.cpu.put(PD + 8, 0x210000 | PS | W | P)
        assert long.translate(0x200000) == (PF, ERROR_RSVD | ERROR_P, 0x200000)
        long.cpu.put(PDPT + 8, 0x200000 | PS | W | P)
        assert long.translate(0x40000000) == (PF, ERROR_RSVD | ERROR_P, 0x40000000)

    def test_nx_is_reserved_until_it_is_enabled(self, long: Walker) -> None:
        long.cpu.put(PT + 8 * 6, NX | 0x6000 | W | P)
        assert long.translate(0x6000) == 0x6000
        assert long.translate(0x6000, FETCH) == (PF, ERROR_I | ERROR_P, 0x6000)
        long.cpu.q[s.EFER] &= ~EFER_NXE
        assert long.translate(0x6000) == (PF, ERROR_RSVD | ERROR_P, 0x6000)
        assert long.translate(0x5000) == 0x5000

    def test_the_user_is_kept_out_of_supervisor_pages(self, long: Walker) -> None:
        assert long.translate(0x5000, USER | WRITE) == 0x5000
        assert long.translate(0x6000, USER) == (PF, ERROR_U | ERROR_P, 0x6000)

    def test_smep_forbids_the_supervisor_to_run_user_pages(self, long: Walker) -> None:
        assert long.translate(0x5000, FETCH) == 0x5000
        long.cpu.q[s.CR4] |= CR4_SMEP
        assert long.translate(0x5000, FETCH) == (PF, ERROR_I | ERROR_P, 0x5000)
        assert long.translate(0x5000, FETCH | USER) == 0x5000

    def test_smap_is_lifted_by_ac_for_explicit_accesses_alone(self, long: Walker) -> None:
        assert long.translate(0x5000) == 0x5000
        long.cpu.q[s.CR4] |= CR4_SMAP
        assert long.translate(0x5000) == (PF, ERROR_P, 0x5000)
        assert long.translate(0x5000, USER) == 0x5000
        long.cpu.q[s.RFLAGS] |= AC
        assert long.translate(0x5000) == 0x5000
        assert long.translate(0x5000, IMPLICIT) == (PF, ERROR_P, 0x5000)
        assert long.translate(0x6000, IMPLICIT) == 0x6000

    def test_a20_masks_the_tables_and_the_page(self, long: Walker) -> None:
        long.cpu.d[s.A20_MASK] = 0xFFEFFFFF
        folded = 1 << 20
        for table in (PML4, PDPT, PD, PT):
            view = long.cpu.ram.view
            view[table ^ folded : (table ^ folded) + 0x1000] = view[table : table + 0x1000]
            view[table : table + 0x1000] = bytes(0x1000)
        assert long.translate(0x100123) == 0x123

    def test_a_page_beyond_ram_is_found(self, long: Walker) -> None:
        long.cpu.put(PT + 8 * 6, 0xFEE00000 | W | P)
        assert long.translate(0x6080) == 0xFEE00080


def outcome(walker: PageWalk, method: str, linear: int, access: int) -> object:
    try:
        return getattr(walker, method)(linear, access)
    except Fault as fault:
        return fault.vector, fault.error_code, fault.address


USED = D | A | U | W | P
LEVEL_BITS = (P, W, U, A, D, PS, 1 << 14, 1 << 40, 1 << 51, 1 << 52, NX)
FLIPS = [(level, bit) for level in range(4) for bit in LEVEL_BITS]
ACCESSES = (READ, WRITE, USER, USER | WRITE, FETCH)


@pytest.mark.parametrize("cr0", [CR0_PG, CR0_PG | CR0_WP])
@pytest.mark.parametrize("cr4", [CR4_PAE, CR4_PAE | CR4_SMAP | CR4_SMEP])
@pytest.mark.parametrize("efer", [0x501, 0xD01])
def test_the_short_cut_agrees_with_the_whole_walk(cr0: int, cr4: int, efer: int) -> None:
    """Every table of a good mapping with any two bits flipped: same answer, same bits set."""
    cpu = Cpu().long()
    cpu.q[s.CR0], cpu.q[s.CR4], cpu.q[s.EFER] = cr0, cr4, efer
    walker = PageWalk(cpu.state, Ram(cpu.ram))
    frames = (PML4, PDPT, PD, PT, 0x5000)
    for flips in itertools.combinations_with_replacement(FLIPS, 2):
        entries = [frame | USED for frame in frames[1:]]
        for level, bit in set(flips):
            entries[level] ^= bit
            if bit == PS and level < 3:
                entries[level] ^= frames[level + 1]  # a large page, aligned
        for access in ACCESSES:
            results = []
            for method in ("translate", "walk"):
                for table, entry in zip(frames, entries, strict=False):
                    cpu.put(table, entry)
                answer = outcome(walker, method, 0x123, access)
                results.append((answer, [cpu.get(table) for table in frames[:4]]))
            assert results[0] == results[1], (flips, access)


@pytest.mark.parametrize(
    ("linear", "a20", "leaf"),
    [
        (0x0100_0000_0000_0123, 0xFFFFFFFF, 0x5000),
        (0x1_0000_0000_0000_0123, 0xFFFFFFFF, 0x5000),
        (0x123, 0xFFEFFFFF, 0x105000),
        (0x123, 0xFFFFFFFF, 0xFEE00000),
    ],
)
def test_the_short_cut_agrees_on_odd_addresses(linear: int, a20: int, leaf: int) -> None:
    cpu = Cpu().long()
    cpu.d[s.A20_MASK] = a20
    for table, frame in ((PML4, PDPT), (PDPT, PD), (PD, PT), (PT, leaf)):
        cpu.put(table, frame | USED)
        cpu.put(table ^ 1 << 20, frame | USED)  # where the masked A20 line leads
    walker = PageWalk(cpu.state, Ram(cpu.ram))
    results = [outcome(walker, method, linear, READ) for method in ("translate", "walk")]
    assert results[0] == results[1]


class TestLinearMemory:
    def test_reads_and_writes_cross_pages(self) -> None:
        cpu = Cpu().long()
        cpu.put(PT + 8 * 6, 0x9000 | W | P)
        cpu.memory.write(0x5FFE, b"abcd")
        assert bytes(cpu.ram.view[0x5FFE:0x6000]) == b"ab"
        assert bytes(cpu.ram.view[0x9000:0x9002]) == b"cd"
        assert cpu.memory.read(0x5FFD, 6) == b"\0abcd\0"

    def test_a_write_that_faults_on_its_second_page_stores_nothing(self) -> None:
        cpu = Cpu().long()
        cpu.put(PT + 8 * 6, 0)
        with pytest.raises(Fault) as caught:
            cpu.memory.write(0x5FFE, b"abcd")
        assert (caught.value.error_code, caught.value.address) == (ERROR_W, 0x6000)
        assert bytes(cpu.ram.view[0x5FFE:0x6000]) == b"\0\0"

    def test_write_checks_the_right_to_write(self) -> None:
        cpu = Cpu().long()
        cpu.put(PT + 8 * 6, 0x6000 | U | P)
        with pytest.raises(Fault):
            cpu.memory.write(0x6000, b"x", USER)

    @pytest.mark.parametrize("linear", [0x5000, 0x5004, 0x5001, 0x5FFC, 0x5FF9])
    def test_quad_words_at_any_alignment(self, linear: int) -> None:
        cpu = Cpu().long()
        cpu.put(PT + 8 * 6, 0x9000 | W | P)
        cpu.memory.write(linear, (0x1122334455667788).to_bytes(8, "little"))
        assert cpu.memory.read_u64(linear) == 0x1122334455667788

    @pytest.mark.parametrize("linear", [0x5000, 0x5008, 0x5FF8, 0x5FF3])
    def test_pairs_and_rows_of_quad_words(self, linear: int) -> None:
        cpu = Cpu().long()
        cpu.memory.write_u64s(linear, (1, 2, 3))
        assert cpu.words(linear, 3, 8) == [1, 2, 3]
        assert cpu.memory.read_u64_pair(linear) == (1, 2)

    def test_a_row_in_high_ram_is_stored_in_place(self) -> None:
        cpu = Cpu().long()
        cpu.memory.write_u64s(0x180000, (5, 6))
        assert cpu.words(0x180000, 2, 8) == [5, 6]
        assert not cpu.ram.bus_writes

    def test_small_words(self) -> None:
        cpu = Cpu().real()
        for linear in (0x777, 0x778, 0x77A):
            cpu.put(linear, 0x11223344, 4)
            assert cpu.memory.read_u16(linear) == 0x3344
            assert cpu.memory.read_u32(linear) == 0x11223344
        assert cpu.memory.read_u16(RAM_SIZE) == 0xFFFF
        assert cpu.memory.read_u32(RAM_SIZE) == 0xFFFFFFFF

    def test_beyond_ram_ones_are_read_and_the_bus_gets_writes(self) -> None:
        cpu = Cpu().real()
        assert cpu.memory.read(RAM_SIZE, 2) == b"\xff\xff"
        assert cpu.memory.read_u64(RAM_SIZE) == (1 << 64) - 1
        cpu.memory.write(RAM_SIZE, b"x")
        assert cpu.ram.bus_writes == [(RAM_SIZE, b"x")]

    def test_rom_and_video_memory_below_1_mib_are_the_bus_business(self) -> None:
        cpu = Cpu().real()
        cpu.memory.write(0xB8000, b"x")
        cpu.memory.write_u64s(0xF0000, (7,))
        assert cpu.ram.bus_writes == [(0xB8000, b"x"), (0xF0000, b"\7" + bytes(7))]
        assert cpu.ram.view[0xB8000] == 0

    def test_reads_wrap_at_4_gib_below_long_mode(self) -> None:
        cpu = Cpu().real()
        cpu.put(0, 0x55AA, 2)
        assert cpu.memory.read(0xFFFFFFFF, 3) == b"\xff\xaa\x55"

    def test_peek_has_no_side_effects_and_asks_no_rights(self) -> None:
        cpu = Cpu().long()
        cpu.ram.view[0x5FFF:0x6001] = b"hi"
        before = bytes(cpu.ram.view)
        cpu.q[s.CR4] |= CR4_SMAP
        assert cpu.memory.peek(0x5FFF, 2) == b"hi"
        assert bytes(cpu.ram.view) == before

    def test_peek_at_nothing(self) -> None:
        cpu = Cpu().long()
        cpu.put(PT + 8 * 6, 0)
        assert cpu.memory.peek(0x5FFF, 2) is None
        assert cpu.memory.peek(0x0000_8000_0000_0000, 1) is None
        assert cpu.memory.peek(0x5FFF, 1) == b"\0"

    def test_ram_comes_in_whole_pages(self) -> None:
        with pytest.raises(ValueError, match="whole pages"):
            Ram(FlatRam(100))


def test_no_table_can_break_the_walk() -> None:
    """Every entry all ones, all zeros or pointing at itself: an answer or a Fault, nothing else."""
    for fill in (b"\xff" * 8, bytes(8), (PML4 | 0xFF).to_bytes(8, "little")):
        for efer, cr4 in ((0x501, CR4_PAE), (0, CR4_PAE), (0, 0), (0, CR4_PSE)):
            state = CpuState(bytearray(STATE_SIZE))
            ram = FlatRam()
            ram.view[PML4 : PML4 + 0x1000] = fill * 512
            state.q[s.CR0], state.q[s.CR3], state.q[s.CR4] = CR0_PG | 1, PML4, cr4
            state.q[s.EFER] = efer
            state.d[s.HFLAGS] = 1 << 14 if efer else 0
            walker = PageWalk(state, Ram(ram))
            for linear in (0, 0x7FFF_FFFF_FFFF, 0xFFFF_8000_0000_0000, (1 << 64) - 1):
                for access in (READ, WRITE | USER, FETCH):
                    answer = outcome(walker, "translate", linear, access)
                    if isinstance(answer, tuple):
                        assert answer[0] in (PF, GP)
                    else:
                        assert isinstance(answer, int)
                        assert answer < 1 << 52
