"""Code that was written through another mapping of its page runs as it is now, not as it was translated.

Two pages hold functions, ``mov eax, 1; ret``, and are executable and read-only. Their alias is writable and
not executable: a processor that looks only at the first store through it misses the next ones.
"""

import pytest

from hv.root.machine import Machine
from hv.vp import Ending
from tests.machines import flat
from tests.stepping import count_starts

PAGE, ALIAS = 0x100000, 0x180000
FIRST, SECOND, NEXT = PAGE, PAGE + 0x100, PAGE + 0x1100
ACROSS = PAGE + 0xFFD  # the operand of its MOV lies in both pages
OLD, NEW, NEWEST = 1, 2, 3
TABLES = 0x10000
STEPS = 1_000_000

_PAE = 1 << 5
_PRESENT, _WRITABLE = 1, 3
_NO_EXECUTE = 1 << 63 - 32  # in the entry's high double word
_NXE = 0x800


def _tables(levels: int) -> str:
    """Page tables from ``TABLES`` on: the first 2 MiB as they are, and the two views of the pages."""
    leaf = TABLES + (levels - 1) * 0x1000
    upper = ""
    for level in range(levels - 1):
        rights = _PRESENT if levels == 3 and level == 0 else _WRITABLE
        below = TABLES + (level + 1) * 0x1000
        upper += f"mov dword ptr [{TABLES + level * 0x1000:#x}], {below | rights:#x}\n"
    views = ""
    for offset in (0, 0x1000):
        page, alias = (leaf + (view + offset >> 12) * 8 for view in (PAGE, ALIAS))
        views += f"mov dword ptr [{page:#x}], {PAGE + offset | _PRESENT:#x}\n"
        views += f"mov dword ptr [{alias:#x}], {PAGE + offset | _WRITABLE:#x}\n"
        views += f"mov dword ptr [{alias + 4:#x}], {_NO_EXECUTE:#x}\n"
    return f"""
    mov edi, {TABLES:#x}
    xor eax, eax
    mov ecx, {levels * 0x400:#x}
    rep stosd
    {upper}
    mov edi, {leaf:#x}
    mov eax, 3
    mov ecx, 512
fill:
    mov [edi], eax
    add edi, 8
    add eax, 0x1000
    dec ecx
    jnz fill
    {views}
    mov ecx, 0xC0000080
    rdmsr
    or eax, {_NXE:#x}
    wrmsr
"""


PAGING = {
    64: _tables(4) + f"mov eax, {TABLES:#x}\nmov cr3, rax\n",
    32: _tables(3)
    + f"""
    mov eax, cr4
    or eax, {_PAE:#x}
    mov cr4, eax
    mov eax, {TABLES:#x}
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
""",
}
FLUSH = {
    "64": "mov rax, cr3\nmov cr3, rax\n",
    "32": "mov eax, cr3\nmov cr3, eax\n",
    "none": "",
}


def _alias(function: int) -> int:
    return function - PAGE + ALIAS


def _write(function: int, answer: int) -> str:
    return f"mov byte ptr [{_alias(function) + 1:#x}], {answer}\n"


def _expect(function: int, answer: int) -> str:
    """Call; end the run with the wrong answer."""
    return f"mov edx, {function:#x}\n{{call}}\ncmp eax, {answer}\njne wrong\n"


def _function(function: int) -> str:
    """Put ``mov eax, 1; ret`` there."""
    at = _alias(function)
    return f"mov dword ptr [{at:#x}], 0x1B8\nmov word ptr [{at + 4:#x}], 0xC300\n"


WHOLE_PAGE = (
    _expect(FIRST, OLD)
    + _expect(SECOND, OLD)
    + "{flush}"
    + _write(FIRST, NEW)
    + _write(SECOND, NEW)
    + "{flush}"
    + _expect(SECOND, NEW)
    + _expect(FIRST, NEW)
)
ALIAS_FIRST = _write(FIRST, OLD) + _expect(FIRST, OLD) + _write(FIRST, NEW) + _expect(FIRST, NEW)
TRANSLATED_AGAIN = (
    WHOLE_PAGE + _write(FIRST, NEWEST) + _expect(FIRST, NEWEST) + _write(SECOND, NEWEST)
) + (_expect(SECOND, NEWEST) + _expect(FIRST, NEWEST) + _write(FIRST, OLD) + _expect(FIRST, OLD))
TWO_PAGES = (
    _expect(FIRST, OLD)
    + _expect(NEXT, OLD)
    + _write(FIRST, NEW)
    + _write(NEXT, NEW)
    + "{flush}"
    + _expect(NEXT, NEW)
    + _write(FIRST, NEWEST)
    + _expect(FIRST, NEWEST)
    + _expect(NEXT, NEW)
)
BOTH_PAGES = (
    _expect(ACROSS, OLD)
    + _write(FIRST, NEW)
    + _write(NEXT, NEW)
    + f"mov word ptr [{_alias(ACROSS) + 2:#x}], 0x0101\n"
    + _expect(ACROSS, 0x010101)
    + f"mov byte ptr [{_alias(ACROSS) + 4:#x}], 1\n"
    + _expect(ACROSS, 0x01010101)
)
CASES = {
    "the whole page": WHOLE_PAGE,
    "alias first": ALIAS_FIRST,
    "translated again": TRANSLATED_AGAIN,
    "two pages": TWO_PAGES,
    "across two pages": BOTH_PAGES,
}


@pytest.fixture(params=["1", "0"], ids=["accelerator", "twin"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HV_ACCEL", request.param)


def _guest(bits: int, body: str, *, flush: bool = False) -> Machine:
    code = body.format(
        flush=FLUSH[str(bits) if flush else "none"], call="call rdx" if bits == 64 else "call edx"
    )
    functions = "".join(map(_function, (FIRST, SECOND, NEXT, ACROSS)))
    source = PAGING[bits] + functions + code + "mov eax, 0\nwrong:\nout 0xf4, al\n"
    return flat(source, bits=bits, origin=0x8000)


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("flush", [True, False], ids=["flushed", "not flushed"])
@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("case", CASES)
def test_the_new_code_runs(case: str, bits: int, *, flush: bool) -> None:
    end = _guest(bits, CASES[case], flush=flush).run(STEPS)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0)


# Stores enough that the page is given up as code, many times over, while it is code all the same.
CHANGED_FOR_EVER = f"""
    mov esi, 5000
again:
    mov [{_alias(FIRST) + 1:#x}], esi
    mov dword ptr [{_alias(SECOND) + 1:#x}], {NEW}
    mov edi, {_alias(PAGE) + 0x800:#x}
    mov ecx, 16
    rep stosb
    mov edx, {FIRST:#x}
    {{call}}
    cmp eax, esi
    jne wrong
    mov edx, {SECOND:#x}
    {{call}}
    cmp eax, {NEW}
    jne wrong
    dec esi
    jnz again
"""


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("bits", [64, 32])
def test_code_that_is_changed_for_ever_runs_as_it_is_and_is_counted_exactly(bits: int) -> None:
    machine = _guest(bits, CHANGED_FOR_EVER)
    end = machine.run(STEPS)
    assert (end.ending, end.code) == (Ending.DEBUG_EXIT, 0)
    one_by_one = _guest(bits, CHANGED_FOR_EVER)
    steps = count_starts(one_by_one)
    one_by_one.run(STEPS)
    assert machine.insns == one_by_one.insns == steps.retired()
