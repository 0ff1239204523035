"""Boot once, test many: what tests begin with is kept by content and never mixed up."""

import json
from pathlib import Path

import pytest

from tests.testing.child_hooks import in_children
from tests.testing.projects import PLUGIN, run, source, write

pytest_plugins = ("pytester",)

ECHO = """\
    mov cx, 5000
boot: loop boot
again:
    mov si, login
    call send
wait:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz wait
    mov dx, 0x3f8
    in al, dx
    mov [typed], al
    mov si, typed
    call send
    inc byte [count]
    cmp byte [typed], 'q'
    jne again
    mov al, 0
    out 0xf4, al
login: db "login: ", 0
typed: db 0, 13, 10, 0
count: db 0
"""
CACHED = ("-p", "hv.testing.plugin")

TESTS = """
STEPS = [("expect", "login: ")]

def test_one(vm):
    machine = vm.boot("echo.asm", STEPS)
    machine.write_serial("a")
    assert machine.expect(r"(.)\\r\\n").groups == ("a",)
    machine.memory.write("login", b"LOGIN")
    machine.expect("LOGIN: ")
    assert machine.memory.read_int("count", 1) == 1

def test_other(vm):
    machine = vm.boot("echo.asm", STEPS)
    assert machine.serial == "login: "
    assert machine.memory.read("count", 1) == b"\\0"
    assert machine.memory.read("login", 5) == b"login"
    machine.write_serial("q")
    machine.finish()
"""

COUNTS = """
do_steps = module.do_steps

def counted(machine, steps, budget):
    if any(step[0] == "expect" for step in steps):
        with open({path!r}, "a") as file:
            file.write("boot\\n")
    return do_steps(machine, steps, budget)

module.do_steps = counted
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project that counts its boots."""
    write(pytester, echo__asm=source(ECHO), test_echo__py=TESTS)
    path = str(pytester.path / "boots.txt")
    in_children(pytester, monkeypatch, "hv.testing.boots", COUNTS.format(path=path))
    return pytester


def boots(project: pytest.Pytester) -> int:
    """Since the last time that somebody asked."""
    path = project.path / "boots.txt"
    count = len(path.read_text().splitlines()) if path.exists() else 0
    path.unlink(missing_ok=True)
    return count


def kept(project: pytest.Pytester) -> list[Path]:
    return sorted((project.path / ".pytest_cache" / "d" / "hv-boots").glob("*.checkpoint"))


def session(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(*CACHED, *arguments)


def test_two_tests_one_boot_and_the_next_session_none(project: pytest.Pytester) -> None:
    session(project).assert_outcomes(passed=2)
    assert (boots(project), len(kept(project))) == (1, 1)
    session(project).assert_outcomes(passed=2)
    assert (boots(project), len(kept(project))) == (0, 1)


def test_workers_boot_once_together(project: pytest.Pytester) -> None:
    more = "".join(f"\ndef test_{n}(vm):\n    vm.boot('echo.asm', STEPS)\n" for n in range(6))
    write(project, test_echo__py=TESTS + more)
    session(project, "-n2").assert_outcomes(passed=8)
    assert boots(project) == 1
    assert not list(kept(project)[0].parent.glob("*.partial"))


def test_without_a_cache_each_process_boots_once(project: pytest.Pytester) -> None:
    project.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=2)
    assert (boots(project), kept(project)) == (1, [])


@pytest.mark.parametrize("change", ["image", "memory", "keys", "disk", "steps", "budget"])
def test_what_decides_a_boot_makes_another(project: pytest.Pytester, change: str) -> None:
    (project.path / "data.img").write_bytes(bytes(512 * 63))
    test = (
        "def test_it(vm):\n    vm.boot('echo.asm', {steps}, memory={memory}, keys={keys!r}, "
        "disks=['{folder}/data.img'], budget={budget})\n"
    )
    asked = {
        "steps": [("expect", "login: ")],
        "memory": 8 << 20,
        "keys": "",
        "folder": project.path,
        "budget": 1_000_000,
    }
    write(project, test_echo__py=test.format(**asked))
    session(project).assert_outcomes(passed=1)
    if change == "image":
        write(project, echo__asm=source(ECHO.replace("5000", "5001")))
    elif change == "disk":
        (project.path / "data.img").write_bytes(b"\1" + bytes(512 * 63 - 1))
    else:
        others = {"memory": 9 << 20, "keys": "a", "steps": [("expect", "login")], "budget": 999_999}
        write(project, test_echo__py=test.format(**{**asked, change: others[change]}))
    session(project).assert_outcomes(passed=1)
    assert (boots(project), len(kept(project))) == (2, 2)
    session(project).assert_outcomes(passed=1)
    assert boots(project) == 0


@pytest.mark.parametrize("damage", ["cut", "empty", "byte"])
def test_a_damaged_file_is_made_anew(project: pytest.Pytester, damage: str) -> None:
    session(project).assert_outcomes(passed=2)
    assert boots(project) == 1
    (path,) = kept(project)
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 1
    path.write_bytes({"cut": whole[:-5], "empty": b"", "byte": bytes(broken)}[damage])
    session(project).assert_outcomes(passed=2)
    assert (boots(project), path.read_bytes() == whole) == (1, True)


def test_what_is_only_given_at_the_end_is_no_boot_of_its_own(project: pytest.Pytester) -> None:
    write(
        project,
        a__hvtest__toml=(
            "[defaults]\nimage = 'echo.asm'\n"
            "[guest.q]\nafter = [['expect', 'login: '], ['serial', 'q']]\nserial = ['q']\n"
            "[guest.aq]\nafter = [['expect', 'login: '], ['serial', 'aq']]\nserial = ['a', 'q']\n"
        ),
    )
    session(project, "a.hvtest.toml").assert_outcomes(passed=2)
    assert boots(project) == 1


def test_a_run_from_a_checkpoint_equals_one_from_power_on(project: pytest.Pytester) -> None:
    write(
        project,
        a__hvtest__toml=(
            "[guest.a]\nimage = 'echo.asm'\ngolden = true\n"
            "after = [['expect', 'login: '], ['serial', 'xq']]\n"
        ),
        test_echo__py="""
def test_it(vm):
    machine = vm("echo.asm")
    machine.expect("login: ")
    machine.write_serial("xq")
    end = machine.finish()
    result = machine.result(end)
    with open("same.txt", "w") as file:
        print(machine.insns, machine.vtime_ns, machine.state_hash(), file=file)
""",
    )
    session(project, "--hv-update").assert_outcomes(passed=2)
    session(project).assert_outcomes(passed=2)
    golden = json.loads((project.path / "__hv__" / "a.a.json").read_text())
    same = (project.path / "same.txt").read_text().split()
    assert same == [str(golden[name]) for name in ("insns", "vtime_ns", "state_hash")]


def test_a_guest_that_does_not_get_there(project: pytest.Pytester) -> None:
    write(
        project,
        a__hvtest__toml=(
            "[guest.a]\nimage = 'echo.asm'\nmax_insns = 100000\nafter = [['expect', 'welcome']]\n"
        ),
        test_echo__py="def test_it(vm):\n    vm.boot('echo.asm', [('mark', 3)], budget=100000)\n",
    )
    result = session(project)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "waited for 'welcome' on the serial line*",
            "unmatched on the serial line: 'login: '",
            "*waited for mark 3*",
        ]
    )
    assert kept(project) == []


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("[('dance',)]", "step 1: ('dance',) does not begin with one of expect, mark, *"),
        ("[('expect', 'a'), ('run', 'b')]", "step 2: ('run', 'b'): not what 'run' takes"),
        ("[('expect', '(')]", "pattern '('*"),
        ("[('run', -1)]", "step 1: ('run', -1): not what 'run' takes"),
        ("['expect']", "step 1: 'expect' does not begin with one of *"),
    ],
)
def test_steps_that_say_nothing(project: pytest.Pytester, steps: str, complaint: str) -> None:
    write(project, test_echo__py=f"def test_it(vm):\n    vm.boot('echo.asm', {steps})\n")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*ConfigError: {complaint}"])


def test_bad_steps_of_a_manifest_are_an_error_of_collection(project: pytest.Pytester) -> None:
    write(project, a__hvtest__toml="[guest.a]\nimage = '@hello'\nafter = [['dance']]\n")
    result = run(project, "a.hvtest.toml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*guest a: step 1: *does not begin with one of*"])


def test_a_file_that_is_written_to_is_not_shared(project: pytest.Pytester) -> None:
    (project.path / "data.img").write_bytes(bytes(512 * 63))
    disk = f"{project.path}/data.img,rw"
    write(project, test_echo__py=f"def test_it(vm):\n    vm.boot('echo.asm', disks=[{disk!r}])\n")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*data.img: tests that share a boot cannot write to a file"])


def test_forks_of_one_test(project: pytest.Pytester) -> None:
    write(
        project,
        test_echo__py="""
def test_it(vm):
    machine = vm.boot("echo.asm", [("address", "again")])
    fork = machine.fork()
    snapshot = machine.snapshot()
    for one in (machine, fork, snapshot.machine(), snapshot.machine()):
        one.expect("login: ")
        one.write_serial("q")
        one.finish()
    assert fork.state_hash() == machine.state_hash()
""",
    )
    run(project).assert_outcomes(passed=1)
    run(project, "--hv-in-process").assert_outcomes(passed=1)


def test_coverage_is_the_same_whoever_booted(project: pytest.Pytester) -> None:
    for name in ("boots", "reads", "two"):
        arguments = (f"--hv-cov={name}.info", *(("-n2",) if name == "two" else ()))
        session(project, *arguments).assert_outcomes(passed=2)
    files = [(project.path / f"{name}.info").read_text() for name in ("boots", "reads", "two")]
    assert files[0] == files[1] == files[2]
    assert "DA:9,2\nDA:10,2\n" in files[0]
    assert boots(project) == 1


def test_every_step_there_is(project: pytest.Pytester) -> None:
    steps = [
        ("run", 1000),
        ("wait", 0.001),
        ("exit", "port_write", "com1"),
        ("exit", "port_write"),
        ("expect", "login: "),
        ("serial", "\1"),
        ("mark", 1),
        ("address", "last"),
        ("mark",),
        ("keys", "k"),
        ("expect", "k"),
    ]
    guest = """\
    mov si, login
    call send
wait:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz wait
    mov dx, 0x3f8
    in al, dx
    mov dx, 0x5a0
    mov ah, 0
    out dx, ax
    jmp marked
marked:
    nop
    jmp last
last:
    mov ax, 2
    out dx, ax
    mov ah, 0
    int 0x16
    mov [typed], al
    mov si, typed
    call send
    mov al, 0
    out 0xf4, al
login: db "login: ", 0
typed: db 0, 0
"""
    write(
        project,
        mark__asm=source(guest),
        test_echo__py="def test_it(vm):\n"
        f"    m = vm.boot('mark.asm', {steps}, memory='8M', budget=1_000_000)\n"
        "    assert [mark.id for mark in m.marks] == [1, 2]\n    m.finish()\n",
    )
    session(project).assert_outcomes(passed=1)
    session(project).assert_outcomes(passed=1)
    assert boots(project) == 1
