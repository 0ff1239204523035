"""Exits by the guest's symbols: from assembly, from ELF files, and code that has none."""

from pathlib import Path

import pytest

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.loaders import LoadOptions, Mode, load_bytes
from hv.root.bill import Bill
from hv.root.by_symbol import SymbolCount, SymbolCounts
from hv.root.images import load_image
from hv.root.machine import Machine
from hv.root.result import make_result, to_json
from hv.root.samples import find_sample
from tests.loaders.images import MIB, ElfImage, ElfSegment

MEMORY = 4 * MIB
GUEST = """
bits 32
org 0x200000
COM1 equ 0x3f8
start:
    mov ecx, 3
.again:
    in al, 0x61
    dec ecx
    jnz .again
    call twice
    mov al, 0
    out 0xf4, al
text: db "no code"
twice:
    mov dx, COM1
    out dx, al
    leaf:
    cpuid
    ret
"""


def counts_of(machine: Machine) -> dict[str, SymbolCount]:
    counts = SymbolCounts(machine)
    machine.run(10_000_000)
    bill = Bill(machine.pricing, machine.partition.vp.moment())
    rows = counts.rows()
    assert sum(row.exits for row in rows) == bill.exit_count
    assert sum(row.cycles for row in rows) == sum(item.cycles.typical for item in bill.real_exits())
    return {row.symbol: row for row in rows}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "guest.asm"
    path.write_text(GUEST)
    return path


def test_exits_of_an_assembled_guest(source: Path) -> None:
    machine = Machine(MachineConfig(memory=MEMORY), load_image(source, LoadOptions(memory=MEMORY)))
    counts = counts_of(machine)
    assert {name: row.exits for name, row in counts.items()} == {
        "start.again": 3,
        "twice": 1,
        "leaf": 1,
    }
    # mov; in, dec, jnz twice. Then in, dec, jnz, call, mov. Then out.
    assert (counts["start.again"].insns, counts["twice"].insns) == (1 + 3 + 3, 3 + 2)
    assert counts["leaf"].insns == 1


def test_constants_and_what_lies_behind_the_image_are_no_symbols(source: Path) -> None:
    image = load_image(source, LoadOptions(memory=MEMORY))
    size = sum(len(segment.data) for segment in image.segments if segment.gpa == 0x200000)
    assert "COM1" not in image.symbols.functions.values()
    assert image.symbols.find(0x3F8) is None
    assert image.symbols.find(0x200000) == ("start", 0)
    assert image.symbols.find(0x200000 + size - 1) is not None
    assert image.symbols.find(0x200000 + size) is None


def test_exits_of_an_elf_kernel() -> None:
    code = bytes.fromhex("E461 E461 E80A000000 B000 E6F4".replace(" ", ""))
    code = code.ljust(19, b"\x90") + bytes.fromhex("0FA2 C3".replace(" ", ""))
    elf = ElfImage(32, MIB, [ElfSegment(MIB, code)], functions={"start": MIB, "leaf": MIB + 16})
    machine = Machine(MachineConfig(memory=MEMORY), load_bytes(elf.build(), _options(), name="k"))
    counts = counts_of(machine)
    assert {name: row.exits for name, row in counts.items()} == {"start": 2, "leaf": 1}


def _options() -> LoadOptions:
    return LoadOptions(memory=MEMORY)


def test_a_sample_starts_in_the_firmware_which_has_no_name() -> None:
    sample = find_sample("ide_irq_read")
    machine = Machine(MachineConfig(memory=MEMORY), sample.boot_image(MEMORY), media=sample.media())
    counts = counts_of(machine)
    assert counts["unknown"].exits > 100
    assert (
        counts["ide_irq"].exits == 5 * 3
    )  # a command without data and four blocks: status, two EOIs
    assert counts["ide_read_words"].exits == 4


def test_an_image_without_symbols_has_one_line() -> None:
    code = assemble_text("in al, 0x61\nin al, 0x61\nmov al, 0\nout 0xf4, al\n", name="t").code
    options = LoadOptions(memory=MEMORY, format="flat", origin=0x7C00, mode=Mode.PROTECTED32)
    machine = Machine(MachineConfig(memory=MEMORY), load_bytes(code, options, name="t"))
    assert [(name, row.exits) for name, row in counts_of(machine).items()] == [("unknown", 2)]


def test_the_result_is_otherwise_the_same(source: Path) -> None:
    results = []
    for wanted in (False, True):
        machine = Machine(MachineConfig(memory=MEMORY), load_image(source, _options()))
        counts = SymbolCounts(machine) if wanted else None
        results.append(make_result(machine, machine.run(), counts))
    plain, counted = map(to_json, results)
    assert b'"symbols"' not in plain
    assert counted.startswith(plain.rstrip().rstrip(b"}").rstrip())
