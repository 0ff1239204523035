"""The ACPI tables as a guest walks them: from the root pointer, by the offsets of the specification."""

from struct import unpack_from

import pytest

from hv.root import aml
from hv.root.acpi_dsdt import definition_block
from hv.root.acpi_tables import AcpiPlatform, AcpiTables, build

SEARCHED = range(0xE0000, 0xF0000)
HEADER = 36


class Guest:
    """Physical memory with the tables in it, and nothing else."""

    def __init__(self, tables: AcpiTables) -> None:
        self.memory = bytearray(0x100000)
        for gpa, data in tables.pieces:
            assert not any(self.memory[gpa : gpa + len(data)]), "tables overlap"
            self.memory[gpa : gpa + len(data)] = data

    def root_pointer(self) -> int:
        """As an operating system finds it: by its signature, on 16-byte steps."""
        return next(at for at in SEARCHED[::16] if self.memory[at : at + 8] == b"RSD PTR ")

    def number(self, form: str, at: int) -> int:
        return int(unpack_from("<" + form, self.memory, at)[0])

    def table(self, at: int) -> bytes:
        return bytes(self.memory[at : at + self.number("I", at + 4)])

    def tables(self) -> dict[bytes, bytes]:
        """What the XSDT lists, and the DSDT behind the FADT."""
        xsdt = self.table(self.number("Q", self.root_pointer() + 24))
        listed = [self.table(unpack_from("<Q", xsdt, at)[0]) for at in range(HEADER, len(xsdt), 8)]
        tables = {table[:4]: table for table in listed}
        (dsdt,) = unpack_from("<Q", tables[b"FACP"], 140)
        return {**tables, b"XSDT": xsdt, b"DSDT": self.table(dsdt)}


@pytest.fixture
def guest() -> Guest:
    return Guest(build(AcpiPlatform()))


def fadt(form: str, at: int, *, pm_base: int = 0x600) -> tuple[int, ...]:
    return unpack_from(
        "<" + form, Guest(build(AcpiPlatform(pm_base=pm_base))).tables()[b"FACP"], at
    )


def madt_entries(apic_ids: tuple[int, ...]) -> list[bytes]:
    table = Guest(build(AcpiPlatform(apic_ids))).tables()[b"APIC"]
    at, entries = 44, []
    while at < len(table):
        entries.append(table[at : at + table[at + 1]])
        at += table[at + 1]
    return entries


def test_the_root_pointer_is_where_guests_search_and_adds_up(guest: Guest) -> None:
    at = guest.root_pointer()
    pointer = guest.memory[at : at + 36]
    assert build(AcpiPlatform()).rsdp == at
    assert pointer[15] == 2
    assert unpack_from("<I", pointer, 20) == (36,)
    assert sum(pointer[:20]) & 0xFF == 0
    assert sum(pointer) & 0xFF == 0


def test_every_table_adds_up_to_zero_and_is_inside_the_area(guest: Guest) -> None:
    tables = guest.tables()
    assert set(tables) == {b"XSDT", b"FACP", b"APIC", b"DSDT"}
    for table in tables.values():
        assert sum(table) & 0xFF == 0
    for gpa, data in build(AcpiPlatform(tuple(range(255)), vmbus=True)).pieces:
        assert gpa in SEARCHED
        assert gpa + len(data) in SEARCHED


def test_old_guests_find_the_same_tables_through_the_rsdt(guest: Guest) -> None:
    rsdt = guest.table(guest.number("I", guest.root_pointer() + 16))
    assert sum(rsdt) & 0xFF == 0
    names = [guest.table(unpack_from("<I", rsdt, at)[0])[:4] for at in range(HEADER, len(rsdt), 4)]
    assert (rsdt[:4], names) == (b"RSDT", [b"FACP", b"APIC"])


def test_the_same_platform_gives_the_same_bytes() -> None:
    platform = AcpiPlatform((0, 1), vmbus=True)
    assert build(platform) == build(AcpiPlatform((0, 1), vmbus=True))
    assert build(platform, 0xE8000).rsdp == 0xE8000


# FADT.


def test_fadt_is_revision_6_and_names_the_dsdt_twice() -> None:
    assert fadt("4sIB", 0) == (b"FACP", 276, 6)
    assert fadt("I", 40) == fadt("Q", 140)


def test_facs_is_aligned_and_named_once(guest: Guest) -> None:
    (facs,) = fadt("I", 36)
    assert facs % 64 == 0
    assert guest.memory[facs : facs + 4] == b"FACS"
    assert guest.number("I", facs + 4) == 64
    assert guest.memory[facs + 32] == 2
    assert fadt("Q", 132) == (0,)


def test_fadt_describes_a_pc_in_acpi_mode() -> None:
    assert fadt("H", 46) == (9,)  # SCI
    assert fadt("I", 48) == (0,)  # no SMI command port
    assert fadt("H", 109) == (0b11,)  # legacy devices, 8042; a VGA and a CMOS clock
    assert fadt("B", 108) == (0x32,)  # century
    flags = {
        0,
        2,
        5,
        6,
        8,
        10,
    }  # WBINVD, C1, no sleep button, no RTC wake-up, 32-bit timer, reset register
    assert fadt("I", 112) == (sum(1 << bit for bit in flags),)
    assert fadt("HH", 96) > (100, 1000)  # no C2, no C3


@pytest.mark.parametrize(
    ("old", "length", "structure", "offset", "size"),
    [(56, 88, 148, 0, 4), (64, 89, 172, 4, 2), (76, 91, 208, 8, 4), (80, 92, 220, 12, 4)],
    ids=["event", "control", "timer", "gpe0"],
)
def test_register_blocks(old: int, length: int, structure: int, offset: int, size: int) -> None:
    assert fadt("I", old, pm_base=0xB000) == (0xB000 + offset,)
    assert fadt("B", length) == (size,)
    space, width, shift, _, address = fadt("BBBBQ", structure, pm_base=0xB000)
    assert (space, width, shift, address) == (1, 8 * size, 0, 0xB000 + offset)


def test_the_reset_register_is_port_cf9() -> None:
    assert fadt("BBBBQB", 116) == (1, 8, 0, 1, 0xCF9, 6)


# MADT.


def test_madt_names_the_local_apics_and_the_8259s(guest: Guest) -> None:
    assert unpack_from("<II", guest.tables()[b"APIC"], 36) == (0xFEE00000, 1)


def test_madt_has_an_entry_for_every_processor() -> None:
    processors = [entry for entry in madt_entries((0, 1, 4)) if entry[0] == 0]
    assert [unpack_from("<BBBBI", entry) for entry in processors] == [
        (0, 8, 0, 0, 1),
        (0, 8, 1, 1, 1),
        (0, 8, 2, 4, 1),
    ]


def test_madt_describes_the_interrupt_wiring() -> None:
    assert [entry.hex() for entry in madt_entries((0,))[1:]] == [
        "010c00000000c0fe00000000",  # I/O APIC 0 from global interrupt 0
        "020a0000020000000000",  # IRQ 0 is on pin 2
        "020a0009090000000d00",  # SCI: level, active high
        "0406ff050001",  # NMI of all processors on LINT1, rising edge
    ]


# DSDT.

VMBUS_DEVICE = bytes.fromhex(
    "5b822c" "564d4253"  # Device (VMBS)
    "085f484944" "0d564d42757300"  # _HID "VMBus"
    "085f554944" "00"  # _UID 0
    "085f535441" "0a0f"  # _STA
    "085f435253" "11080a05" "222000" "7900"  # _CRS: IRQ 5
)  # fmt: skip
VMBUS_WINDOW = bytes.fromhex(
    "871700" "000c03" "00000000" "000000f8" "fffffffb" "00000000" "00000004" "7900"
)  # fmt: skip


PCI_ROOT = bytes.fromhex(
    "50434930"  # PCI0
    "085f484944" "0c41d00a03"  # _HID PNP0A03
    "085f414452" "00"  # _ADR 0
    "085f42424e" "00"  # _BBN 0
    "085f435253" "1148050a54"  # _CRS
    "880d00" "020c00" "0000" "0000" "0000" "0000" "0100"  # bus 0
    "4701f80cf80c0108"  # configuration mechanism
    "880d00" "010c03" "0000" "0000" "f70c" "0000" "f80c"  # ports below it
    "880d00" "010c03" "0000" "000d" "ffff" "0000" "00f3"  # and above
    "871700" "000c03" "00000000" "000000e0" "fffffff7" "00000000" "00000018" "7900"
)  # fmt: skip


@pytest.mark.parametrize("vmbus", [False, True])
def test_the_pci_root_leaves_room_for_memory_and_the_vmbus(vmbus: bool) -> None:
    assert PCI_ROOT in definition_block(vmbus=vmbus)


def test_soft_off_is_sleep_type_5() -> None:
    s5 = bytes.fromhex("085c5f53355f1207040a05000000")
    assert definition_block(vmbus=False).startswith(s5)


def test_the_vmbus_is_there_when_it_is_wanted() -> None:
    block = definition_block(vmbus=True)
    assert VMBUS_DEVICE in block
    assert block.index(b"VMOD") < block.index(VMBUS_WINDOW) < block.index(VMBUS_DEVICE)
    without = definition_block(vmbus=False)
    assert b"VMBus" not in without
    assert VMBUS_WINDOW not in without


@pytest.mark.parametrize(
    ("plug_and_play", "resources"),
    [
        ("41d00501", "4701f803f8030108" "221000"),  # COM1
        ("41d00501", "4701f802f8020108" "220800"),  # COM2
        ("41d00303", "4701600060000101" "4701640064000101" "220200"),  # keyboard
        ("41d00f13", "220010"),  # mouse
        ("41d00b00", "4701700070000102" "220001"),  # clock
    ],
)  # fmt: skip
def test_isa_devices(plug_and_play: str, resources: str) -> None:
    block = definition_block(vmbus=False)
    assert bytes.fromhex("085f484944" "0c" + plug_and_play) in block  # fmt: skip
    assert bytes.fromhex(resources + "7900") in block


# AML.


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, "00"),
        (1, "01"),
        (2, "0a02"),
        (0xFF, "0aff"),
        (0x100, "0b0001"),
        (0x10000, "0c00000100"),
    ],
)
def test_integers_take_the_shortest_form(value: int, code: str) -> None:
    assert aml.integer(value).hex() == code


@pytest.mark.parametrize(
    ("content", "length"),
    [(58, "3f"), (59, "4104"), (4086, "4c" "ff"), (4089, "4f" "ff"), (4090, "81" "0001")],
)  # fmt: skip
def test_package_lengths_count_themselves(content: int, length: str) -> None:
    code = aml.scope("TEST", bytes(content))
    assert code[1 : 1 + len(length) // 2].hex() == length
    assert len(code) == 1 + len(length) // 2 + 4 + content


def test_a_package_length_has_28_bits() -> None:
    with pytest.raises(ValueError, match="28 bits"):
        aml.scope("TEST", bytes(1 << 28))


def test_short_names_are_padded_and_the_root_is_no_part_of_them() -> None:
    assert aml.name("\\_S5", b"") == b"\x08\\_S5_"
