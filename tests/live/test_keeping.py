"""Live machines are saved, resumed and forked; each goes on as the one that it comes from would have."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
import zstandard

import hv
from hv.errors import ConfigError, GuestEnded, PartitionStateError
from hv.root.checkpoint import codec
from hv.root.checkpoint.format import read_sections, write_sections
from hv.root.checkpoint.notes import SavedSymbols
from tests.live.sources import PASS, boot_sector

ECHO = """
    mov al, 0x42
    out 0x80, al
    mov si, login
    call send
    mov dx, 0x5a0
    mov ax, 7
    out dx, ax
again:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz again
    mov dx, 0x3f8
    in al, dx
    mov [typed], al
    mov si, typed
    call send
    inc word [counter]
    mov si, login
    call send
    cmp byte [typed], 'q'
    jne again
"""
END = """
alias:
login: db "login: ", 0
typed: db 0, 13, 10, 0
counter: dw 0
"""


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    return boot_sector(tmp_path, ECHO + PASS + END)


def hv_run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hv", "run", *map(str, words), "--quiet"]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=60
    )


def say(machine: hv.Machine, text: str) -> tuple[str, int, int]:
    machine.write_serial(text)
    return machine.expect(r"(.)\r\n", budget=100_000).text, machine.insns, machine.vtime_ns


def test_a_saved_machine_goes_on_as_it_would_have(guest: Path, tmp_path: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        machine.run(insns=1000)
        machine.save(tmp_path / "x.checkpoint")
        with hv.Machine.resume(tmp_path / "x.checkpoint") as resumed:
            assert resumed.state_hash() == machine.state_hash()
            assert resumed.serial == machine.serial
            assert [say(resumed, letter) for letter in "abq"] == [
                say(machine, letter) for letter in "abq"
            ]
            ends = resumed.finish(insns=100_000), machine.finish(insns=100_000)
            assert ends[0] == ends[1]
            assert resumed.result(ends[0]) == machine.result(ends[1])


def test_a_fork_knows_what_its_parent_knew(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        machine.run_until_mark(7)
        machine.write_serial("a")
        machine.expect("a")
        with machine.fork() as fork:
            assert fork.serial == machine.serial == "login: a"
            assert fork.marks == machine.marks != []
            assert fork.post_codes[-1] == machine.post_codes[-1] == 0x42
            assert fork.symbols == machine.symbols
            assert fork.expect("login: ").before == machine.expect("login: ").before == "\r\n"
            assert fork.memory.read_int("counter", 2) == machine.memory.read_int("counter", 2) == 1
            assert fork.hang().text() == machine.hang().text()


def test_the_documents_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    blocks = re.findall(r"^```(asm|python)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (kernel,) = (block for kind, block in blocks if kind == "asm")
    (example,) = (block for kind, block in blocks if kind == "python" and "snapshot()" in block)
    (tmp_path / "kernel.asm").write_text(kernel)
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    close = hv.Machine.close

    def closing(machine: hv.Machine) -> None:
        seen.append(machine.serial)
        close(machine)

    monkeypatch.setattr(hv.Machine, "close", closing)
    exec(example, {"hv": hv})
    assert [line.rpartition(" ")[2] for line in seen[1:]] == ["meaory", "mebory", "mecory"]


def test_forks_do_not_touch_each_other(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        with machine.fork() as one, machine.fork() as other:
            before = other.state_hash()
            one.memory.write("login", b"LOGIN")
            one.registers["r15"] = 1
            assert say(one, "1")[0] == "1\r\n"
            assert other.state_hash() == before == machine.state_hash()
            machine.close()
            assert say(other, "2")[0] == "2\r\n"
            assert one.expect("LOGIN: ").before == ""


def test_one_boot_and_twenty_machines(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        snapshot = machine.snapshot()
        first = say(machine, "x")
    heard = []
    for number in range(20):
        with snapshot.machine() as fork:
            heard.append(say(fork, "x"))
            fork.memory.write_int("counter", number)
    assert heard == [first] * 20


def test_a_fork_of_a_fork(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        with machine.fork() as child:
            say(child, "c")
            with child.fork() as grandchild:
                assert say(grandchild, "d") == say(child, "d")
                assert grandchild.memory.read_int("counter", 2) == 1


def test_what_was_planned_and_reported_goes_along(tmp_path: Path) -> None:
    path = boot_sector(tmp_path, "wait: hlt\n    jmp wait\n")
    with hv.Machine(path, at=["100ms:heartbeat", "300ms:heartbeat"]) as machine:
        machine.run(seconds=0.2)
        assert machine.reports == ["heartbeat: no answer"]
        machine.save(tmp_path / "x.checkpoint")
        with machine.fork() as fork, hv.Machine.resume(tmp_path / "x.checkpoint") as resumed:
            for copy in (fork, resumed):
                copy.run(seconds=0.2)
                assert copy.reports == ["heartbeat: no answer"] * 2
        assert len(machine.reports) == 1


def test_a_disk_of_the_run_is_each_machines_own() -> None:
    with hv.Machine("@ide_polled_read", disk={"size": "1M", "fill": "lba"}) as machine:
        machine.run(insns=20_000)
        with machine.fork() as fork:
            fork.internal.disk(1).write(5, b"\xee" * 512)
            assert machine.internal.disk(1).read(5, 1) != fork.internal.disk(1).read(5, 1)
            assert machine.start.begin is not None


def test_a_program_starts_with_its_disks_as_they_were() -> None:
    from hv.root.machine import Outputs

    with hv.Machine("@ide_polled_read", disk={"size": "1M", "fill": "lba"}) as machine:
        machine.internal.disk(1).write(5, b"\xee" * 512)
        again = machine.start.begin(Outputs(), machine.reports.append)
        assert again.disk(1).read(5, 1) != machine.internal.disk(1).read(5, 1)
        again.close()


def test_it_resumes_what_the_command_line_saved(guest: Path, tmp_path: Path) -> None:
    saved = tmp_path / "x.checkpoint"
    assert hv_run(guest, "--checkpoint", saved, "--max-insns", "100k").stdout == "login: "
    with hv.Machine.resume(saved) as machine:
        assert machine.program is None
        assert machine.expect("login: ").before == ""
        assert machine.hang().symbol.startswith("again")
        assert machine.symbols["alias"] == machine.symbols["login"]
        assert machine.memory.read_text("login") == "login: "
        assert say(machine, "q")[0] == "q\r\n"
        machine.finish(insns=100_000)


def test_the_command_line_goes_on_with_what_was_saved(guest: Path, tmp_path: Path) -> None:
    saved, result = tmp_path / "x.checkpoint", tmp_path / "result.json"
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        machine.write_serial("q")
        machine.save(saved, shared_pages=True)
        assert (tmp_path / "pages").is_dir()
        run = hv_run(saved, "--by-symbol", "--json", result)
        assert (run.returncode, run.stdout) == (0, "q\nlogin: ")
        machine.finish(insns=100_000)
        written = msgspec.json.decode(result.read_bytes())
        assert written["state_hash"] == machine.state_hash()
        assert "send" in {row["symbol"] for row in written["symbols"]}


def test_while_it_runs_it_is_not_forked(guest: Path, tmp_path: Path) -> None:
    with hv.Machine(guest) as machine:
        refused: list[str] = []

        def intrude() -> None:
            for act in (machine.fork, machine.snapshot, lambda: machine.save(tmp_path / "x")):
                try:
                    act()
                except PartitionStateError as error:
                    refused.append(str(error))

        def from_another_thread() -> None:
            thread = threading.Thread(target=intrude)
            thread.start()
            thread.join()

        machine.internal.partition.clock.timer(from_another_thread).arm(1000)
        machine.run(insns=10_000)
        assert refused == ["the machine is running"] * 3
        assert not (tmp_path / "x").exists()


def test_a_closed_machine_is_not_forked_but_its_snapshot_is(guest: Path, tmp_path: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        snapshot = machine.snapshot()
    with pytest.raises(PartitionStateError, match="the machine is closed"):
        machine.fork()
    with pytest.raises(PartitionStateError, match="closed"):
        machine.save(tmp_path / "x")
    with snapshot.machine() as fork:
        assert say(fork, "z")[0] == "z\r\n"


def test_an_ended_machine_stays_ended(guest: Path) -> None:
    with hv.Machine(guest) as machine:
        machine.write_serial("q")
        end = machine.finish(insns=100_000)
        with machine.fork() as fork:
            assert fork.run() == end
            with pytest.raises(GuestEnded):
                fork.expect("never")


def test_files_that_are_no_checkpoint(guest: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "missing", guest, tmp_path):
        with pytest.raises(ConfigError) as caught:
            hv.Machine.resume(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with hv.Machine(guest) as machine, pytest.raises(ConfigError, match="no/such"):
        machine.save(tmp_path / "no/such/folder")


@pytest.mark.parametrize(
    ("symbols", "complaint"),
    [
        (SavedSymbols([1, 2], ["one"], 9, {}), "1 names for 2 symbols"),
        (SavedSymbols([2, 1], ["two", "one"], 9, {}), "not in order"),
        (SavedSymbols([1], ["one"], -1, {}), "not in order"),
        (SavedSymbols([1 << 64], ["far"], 9, {}), "address is none"),
        (SavedSymbols([], [], 9, {"below": -1}), "address is none"),
        (SavedSymbols([1], ["x" * 5000], 9, {}), "name is too long"),
        ([1, 2], "not a SavedSymbols"),
    ],
)
def test_symbols_that_are_none(
    guest: Path, tmp_path: Path, symbols: object, complaint: str
) -> None:
    assert complaint in refusal_with(guest, tmp_path, "symbols", symbols)


@pytest.mark.parametrize(
    ("notes", "complaint"),
    [
        ({"seen": 1000, "reports": []}, "1000 of 7 bytes"),
        ({"seen": -1, "reports": []}, "-1 of 7 bytes"),
        ({"seen": 0, "reports": [1]}, "not a Notes"),
    ],
)
def test_notes_that_are_none(guest: Path, tmp_path: Path, notes: object, complaint: str) -> None:
    assert complaint in refusal_with(guest, tmp_path, "notes", notes)


def refusal_with(guest: Path, folder: Path, section: str, content: object) -> str:
    """What is said against a checkpoint one section of which was forged, with the right checksum."""
    path = folder / "x.checkpoint"
    with hv.Machine(guest) as machine:
        machine.expect("login: ")
        machine.save(path)
    sections = {name: bytes(data) for name, data in read_sections(path).items()}
    sections[section] = zstandard.ZstdCompressor().compress(codec.to_bytes(content))
    write_sections(path, sections)
    with pytest.raises(ConfigError) as caught:
        hv.Machine.resume(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)
