"""Coverage files: read back by a parser of the test's own, lines counted by hand."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hv.asm import assemble_text
from hv.config import MachineConfig
from hv.errors import ConfigError
from hv.loaders import LoadOptions
from hv.root.coverage import drcov, lcov
from hv.root.coverage.dwarf import dwarf_lines
from hv.root.coverage.files import CoverageRun, merge
from hv.root.images import load_image, whole_sectors
from hv.root.machine import Machine
from tests.coverage.dwarf_elf import TEXT_PADDR, build
from tests.mutations import EXAMPLES, damaged, refusal

MEMORY = 4 << 20

COUNTED = """.origin 0x7c00
.code16
.macro twice reg
    add \\reg, \\reg
    jc never
.endm
    mov cx, 3
again:
    dec cx
    jnz again
    twice cx
    je last
    mov bx, text
last: mov al, 0
    out 0xf4, al
    mov bx, 5
never:
    int3
text: .ascii "words"
    .word 1, 2, 3
"""
CODE = {4, 5, 7, 9, 10, 12, 13, 14, 15, 16, 18}
RAN = {4, 5, 7, 9, 10, 12, 14, 15}
"""By hand: CX is 0 after the loop, so JE goes and JC does not. Lines of macros are their own."""


def run(image: Path, *outputs: Path) -> int:
    loaded = load_image(image, LoadOptions(memory=MEMORY))
    machine = Machine(MachineConfig(memory=MEMORY), loaded)
    coverage = CoverageRun(machine, loaded, str(image), outputs)
    end = machine.run(1_000_000)
    coverage.write()
    machine.close()
    return end.code


def read_drcov(content: bytes) -> tuple[list[list[str]], list[tuple[int, int, int]]]:
    """Modules (id, base, end, entry, path) and blocks (offset, size, module), by the format's own rules."""
    head, _, rest = content.partition(b"BB Table: ")
    lines = head.decode().splitlines()
    assert lines[0] == "DRCOV VERSION: 2"
    assert lines[1] == "DRCOV FLAVOR: drcov"
    assert lines[2].startswith("Module Table: version 2, count ")
    assert lines[3] == "Columns: id, base, end, entry, path"
    modules = [[field.strip() for field in line.split(",", 4)] for line in lines[4:]]
    assert len(modules) == int(lines[2].rpartition(" ")[2])
    count, _, table = rest.partition(b" bbs\n")
    assert len(table) == 8 * int(count)
    return modules, [struct.unpack_from("<IHH", table, at) for at in range(0, len(table), 8)]


def read_lcov(content: bytes) -> dict[str, dict[int, int]]:
    files: dict[str, dict[int, int]] = {}
    for record in content.decode().split("end_of_record\n")[:-1]:
        name = next(line[3:] for line in record.splitlines() if line.startswith("SF:"))
        pairs = [line[3:].split(",") for line in record.splitlines() if line.startswith("DA:")]
        files[name] = {int(line): int(count) for line, count in pairs}
        assert f"LF:{len(pairs)}\n" in record
        assert f"LH:{sum(count != '0' for _, count in pairs)}\n" in record
    return files


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    path = tmp_path / "counted.asm"
    path.write_text(COUNTED)
    return path


def test_lines_are_those_counted_by_hand(counted: Path, tmp_path: Path) -> None:
    run(counted, tmp_path / "out.info")
    files = read_lcov((tmp_path / "out.info").read_bytes())
    assert files == {str(counted): {line: int(line in RAN) for line in CODE}}


def test_drcov_holds_the_blocks(counted: Path, tmp_path: Path) -> None:
    run(counted, tmp_path / "out.drcov")
    modules, blocks = read_drcov((tmp_path / "out.drcov").read_bytes())
    size = len(assemble_text(COUNTED).code)
    assert modules == [
        ["0", f"{0x7C00:#018x}", f"{0x7C00 + size:#018x}", f"{0:#018x}", str(counted)]
    ]
    bytes_run = {at for offset, length, _ in blocks for at in range(offset, offset + length)}
    # mov cx: 3, dec: 1, jnz: 2, add: 2, jc: 2, je: 2, [mov bx: 3], mov al: 2, out: 2
    assert bytes_run == set(range(12)) | set(range(15, 19))
    assert (0, 6, 0) in blocks  # up to the first JNZ
    assert (3, 3, 0) in blocks  # the loop
    assert blocks == sorted(blocks)


def test_a_boot_sector_is_at_7c00(tmp_path: Path) -> None:
    source = "org 0x7c00\nbits 16\njmp 0:far\nfar: mov al, 0\nout 0xf4, al\n"
    source += "times 510-($-$$) db 0\ndw 0xaa55\n"
    image = tmp_path / "boot.img"
    image.write_bytes(whole_sectors(assemble_text(source).code))
    run(image, tmp_path / "out")
    modules, blocks = read_drcov((tmp_path / "out").read_bytes())
    assert modules[0][1:3] == [f"{0x7C00:#018x}", f"{0x7E00:#018x}"]
    assert blocks == [(0, 5, 0), (5, 4, 0)]


def test_code_that_is_not_the_boot_sector_s_own_is_left_out(tmp_path: Path) -> None:
    """It writes a RET over its own filling and calls that."""
    source = "org 0x7c00\nbits 16\nmov byte [0x7c80], 0xc3\ncall 0x7c80\nmov al, 0\nout 0xf4, al\n"
    source += "times 510-($-$$) db 0\ndw 0xaa55\n"
    image = tmp_path / "boot.img"
    image.write_bytes(whole_sectors(assemble_text(source).code))
    run(image, tmp_path / "out")
    _, blocks = read_drcov((tmp_path / "out").read_bytes())
    assert blocks == [(0, 8, 0), (8, 4, 0)]


KERNEL = bytes.fromhex("90 90 eb01 f4 b000 e6f4 90")
"""nop; nop; jmp over; hlt; over: mov al, 0; out 0xf4, al; nop"""
ROWS = [(0, 3), (2, 4), (4, 5), (5, 7), (9, 9)]


def test_lines_of_an_elf_come_from_its_dwarf(tmp_path: Path) -> None:
    image = tmp_path / "kernel.elf"
    image.write_bytes(build(KERNEL, ROWS))
    assert run(image, tmp_path / "out.info", tmp_path / "out.drcov") == 0
    assert read_lcov((tmp_path / "out.info").read_bytes()) == {
        "/src/kernel.c": {3: 1, 4: 1, 5: 0, 7: 1, 9: 0}
    }
    modules, blocks = read_drcov((tmp_path / "out.drcov").read_bytes())
    assert int(modules[0][1], 16) == TEXT_PADDR
    assert blocks == [(0, 4, 0), (5, 4, 0)]


def test_an_elf_s_addresses_are_those_it_was_linked_for(tmp_path: Path) -> None:
    """It runs at its physical address, before it has turned paging on."""
    high = 0xFFFFFFFF80100000
    image = tmp_path / "kernel.elf"
    image.write_bytes(build(KERNEL, ROWS, vaddr=high))
    assert run(image, tmp_path / "out.info", tmp_path / "out.drcov") == 0
    modules, blocks = read_drcov((tmp_path / "out.drcov").read_bytes())
    assert int(modules[0][1], 16) == high
    assert blocks == [(0, 4, 0), (5, 4, 0)]
    assert read_lcov((tmp_path / "out.info").read_bytes())["/src/kernel.c"][7] == 1


def test_what_has_no_lines_is_one_line(tmp_path: Path) -> None:
    bare, flat = tmp_path / "bare.elf", tmp_path / "boot.img"
    bare.write_bytes(build(KERNEL, ROWS, lines=False))
    flat.write_bytes(bytes(510) + b"\x55\xaa")
    for image, word in ((bare, "build it with -g"), (flat, "lines are known of")):
        with pytest.raises(ConfigError, match=word):
            run(image, tmp_path / "out.info")


def test_merged_lines_are_sums_and_merged_blocks_unions(tmp_path: Path) -> None:
    infos, blocks, kept = [], [], set()
    source = COUNTED.replace("mov cx, 3", "mov cx, {n}").replace("je last", "j{c} last")
    path = tmp_path / "guest.asm"
    for index, condition in enumerate(("e", "c")):
        path.write_text(source.format(n=3, c=condition))
        infos.append(tmp_path / f"{index}.info")
        blocks.append(tmp_path / f"{index}.drcov")
        run(path, infos[-1], blocks[-1])
        kept |= set(read_drcov(blocks[-1].read_bytes())[1])
    merge(infos, tmp_path / "all.info")
    counts = read_lcov((tmp_path / "all.info").read_bytes())[str(path)]
    assert (counts[7], counts[13], counts[16]) == (2, 1, 0)
    merge(blocks, tmp_path / "all.drcov")
    assert set(read_drcov((tmp_path / "all.drcov").read_bytes())[1]) == kept
    merge([tmp_path / "all.drcov", blocks[0]], tmp_path / "again.drcov")
    assert (tmp_path / "again.drcov").read_bytes() == (tmp_path / "all.drcov").read_bytes()


def test_two_kinds_do_not_merge(counted: Path, tmp_path: Path) -> None:
    run(counted, tmp_path / "a.info", tmp_path / "a.drcov")
    with pytest.raises(ConfigError, match="do not merge"):
        merge([tmp_path / "a.info", tmp_path / "a.drcov"], tmp_path / "out")


def test_the_same_run_gives_the_same_files(tmp_path: Path) -> None:
    found = []
    for variables in (
        {"HV_ACCEL": "1", "PYTHONHASHSEED": "1"},
        {"HV_ACCEL": "0", "PYTHONHASHSEED": "2"},
    ):
        outputs = [tmp_path / "out.info", tmp_path / "out.drcov"]
        command = [sys.executable, "-m", "hv", "run", "@ide_irq_read", "-q", "--serial", "null"]
        for output in outputs:
            command += ["--cov", str(output)]
        subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, env={**os.environ, **variables}
        )
        found.append([output.read_bytes() for output in outputs])
    assert found[0] == found[1]
    counts = [count for lines in read_lcov(found[0][0]).values() for count in lines.values()]
    assert 0.5 < sum(counts) / len(counts) <= 1


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "counted.asm").write_text(COUNTED)
    outputs = {name: folder / f"out.{name}" for name in ("info", "drcov")}
    run(folder / "counted.asm", *outputs.values())
    contents = {name: path.read_bytes() for name, path in outputs.items()}
    return {**contents, "elf": build(KERNEL, ROWS)}


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damage_to_coverage_files_is_refused_or_read(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    lines, refused = refusal(lambda: lcov.parse(data.draw(damaged(files["info"])), "x"))
    if refused is None:
        assert lines is not None
        assert lcov.parse(lcov.dump(lines), "x") == lines
    blocks, refused = refusal(lambda: drcov.parse(data.draw(damaged(files["drcov"])), "x"))
    if refused is None:
        assert blocks is not None
        assert drcov.parse(drcov.dump(blocks), "x") == blocks


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damage_to_an_elf_is_refused_or_read(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.elf"
    path.write_bytes(data.draw(damaged(files["elf"])))
    refusal(lambda: dwarf_lines(path))
