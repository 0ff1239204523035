"""``hv doctor``: is everything here that a run needs?"""

import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import hv
from hv.errors import HvError

_PACKAGES = (
    *("unicorn", "capstone", "keystone-engine", "typer", "rich", "msgspec"),
    "pyelftools",
)
_OPTIONAL = {
    "PIL": "screenshots as PNG (extra 'plot')",
    "matplotlib": "charts (extra 'plot')",
    "pytest": "the test suite (extra 'dev')",
}


def examine() -> int:
    """Print one line a check; 0 when all passed, 3 otherwise."""
    print(f"hv {hv.__version__}, Python {platform.python_version()}, {sys.platform}")
    good = True
    for name in _PACKAGES:
        good = _package(name) and good
    for title, check in (
        ("processor state layout", _check_engine),
        ("assembler", _check_assembler),
        ("firmware", _check_firmware),
    ):
        good = _run_check(title, check) and good
    for module, purpose in _OPTIONAL.items():
        print(f"{'ok  ' if find_spec(module) else 'none'} {purpose}")
    return 0 if good else 3


def _package(name: str) -> bool:
    try:
        print(f"ok   {name} {version(name)}")
    except PackageNotFoundError:
        print(f"BAD  {name} is not installed")
        return False
    return True


def _run_check(title: str, check: Callable[[], str]) -> bool:
    try:
        print(f"ok   {title}: {check()}")
    except HvError as error:
        print(f"BAD  {title}: {error}")
        return False
    return True


def _check_engine() -> str:
    from hv.cpu.engine import Engine, accelerator_available

    Engine()
    kind = "C accelerator" if accelerator_available() else "pure Python, about 10 times slower"
    return f"as expected; hooks: {kind}"


def _check_assembler() -> str:
    from hv.asm import assemble_text

    code = assemble_text(".code16\nret\n", name="doctor").code
    return f"keystone answers ({code.hex()})"


def _check_firmware() -> str:
    from hv.root.firmware import built_in_bios

    return f"{len(built_in_bios())} bytes"
