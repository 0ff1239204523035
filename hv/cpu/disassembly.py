"""Guest code as text, for reports."""

from typing import NamedTuple

from capstone import (
    CS_ARCH_X86,
    CS_GRP_CALL,
    CS_GRP_JUMP,
    CS_GRP_RET,
    CS_MODE_16,
    CS_MODE_32,
    CS_MODE_64,
    Cs,
)

from hv.cpu.decode import MAX_INSN_LENGTH

_MODES = {16: CS_MODE_16, 32: CS_MODE_32, 64: CS_MODE_64}
_LEAVING = (CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET)


class CodeLine(NamedTuple):
    """One instruction. ``leaves``: what runs next may be elsewhere."""

    address: int
    text: str
    leaves: bool


def disassemble(code: bytes, address: int, bits: int, most: int) -> list[CodeLine]:
    """At most ``most`` instructions, up to the first that may leave or that is none."""
    engine = Cs(CS_ARCH_X86, _MODES[bits])
    engine.detail = True
    lines: list[CodeLine] = []
    for insn in engine.disasm(code[: most * MAX_INSN_LENGTH], address, most):
        leaves = any(insn.group(group) for group in _LEAVING)
        lines.append(CodeLine(insn.address, f"{insn.mnemonic} {insn.op_str}".rstrip(), leaves))
        if leaves:
            break
    return lines
