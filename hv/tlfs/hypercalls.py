"""Hypercalls: the table of all rows, and the one way through it.

Follows the TLFS 6.0b, chapter Hypercall Interface. Checked in this order: may a hypercall be made here at
all (#UD), is there such a call, may this partition make it, is the input value well-formed, are input and
output where they may be; what the call itself finds comes last. A rep call does at most ``REPS_PER_EXIT``
elements before the guest gets the processor back, with the start index moved on. Output in XMM registers
is not offered: a fast call that has output gets #UD, as does one whose input would need XMM
registers when those are not offered either.
"""

from typing import Any

from hv.tlfs import calls_flush, calls_ports, calls_processors, calls_registers
from hv.tlfs.errors import UndefinedOperation
from hv.tlfs.features import ROWS as FEATURE_ROWS
from hv.tlfs.features import Feature
from hv.tlfs.hypercall_abi import (
    FAST_SIZE,
    XMM_FAST_SIZE,
    Control,
    HypercallRegisters,
    HypercallResult,
)
from hv.tlfs.hypercall_rows import RepCall, Row, SimpleCall
from hv.tlfs.hypercall_status import Refusal, Status
from hv.tlfs.processor import SyntheticProcessor
from hv.types import PAGE_SIZE

REPS_PER_EXIT = 64

HYPERCALLS: dict[int, Row] = {
    row.code: row
    for row in (
        *calls_flush.ROWS,
        *calls_processors.ROWS,
        *calls_registers.ROWS,
        *calls_ports.ROWS,
    )
}

_QWORD = 8


def name_of(code: int) -> str:
    """What statistics call it."""
    row = HYPERCALLS.get(code)
    return row.name if row else f"{code:#06x}"


class _Call:
    """One hypercall on its way: the caller, its registers, how many reps are done."""

    def __init__(self, vp: SyntheticProcessor, registers: HypercallRegisters) -> None:
        self._vp = vp
        self._registers = registers
        self._memory = vp.partition.doors.memory
        self._control = Control.of(registers.input_value)
        self._completed = 0

    def perform(self) -> HypercallResult:
        """Carry it out. UndefinedOperation for a form that is not offered."""
        registers = self._registers
        try:
            row = self._find()
            self._check_control(row)
            self._check_blocks(row)
            if isinstance(row, RepCall):
                self._some_reps(row)
            else:
                self._simple(row)
        except Refusal as refusal:
            return registers.finished(refusal.status, self._completed)
        if self._completed < self._control.reps:
            return registers.continued(self._completed)
        return registers.finished(Status.SUCCESS, self._completed)

    # Checks.

    def _find(self) -> Row:
        """The row, if there is one for this partition. A call without a privilege of its own is not there."""
        row = HYPERCALLS.get(self._control.code)
        if row is None:
            raise Refusal(Status.INVALID_HYPERCALL_CODE)
        if row.needs not in self._vp.partition.features:
            privileged = FEATURE_ROWS[row.needs].privileges
            raise Refusal(Status.ACCESS_DENIED if privileged else Status.INVALID_HYPERCALL_CODE)
        return row

    def _check_control(self, row: Row) -> None:
        control = self._control
        if isinstance(row, RepCall):
            fits = control.start < control.reps
        else:
            fits = not (control.start or control.reps)
        if control.reserved or not fits or (control.variable and not row.banks):
            raise Refusal(Status.INVALID_HYPERCALL_INPUT)

    def _check_blocks(self, row: Row) -> None:
        """Input and output: in registers that can hold them, or each in a page of its own."""
        control = self._control
        input_size = row.input.size + _QWORD * control.variable
        output_size = row.output
        if isinstance(row, RepCall):
            input_size += control.reps * row.element.size
            output_size *= control.reps
        if not control.fast:
            self._check_address(self._registers.input, input_size)
            self._check_address(self._registers.output, output_size)
            return
        if input_size > XMM_FAST_SIZE:
            raise Refusal(Status.INVALID_HYPERCALL_INPUT)
        needs_xmm = input_size > FAST_SIZE
        if output_size or (needs_xmm and Feature.XMM_INPUT not in self._vp.partition.features):
            raise UndefinedOperation

    def _check_address(self, gpa: int, size: int) -> None:
        if not size:
            return
        beyond = gpa >> self._vp.partition.physical_bits
        if gpa % _QWORD or gpa % PAGE_SIZE + size > PAGE_SIZE or beyond:
            raise Refusal(Status.INVALID_ALIGNMENT)

    # Work.

    def _input(self, offset: int, size: int) -> bytes:
        """``size`` bytes of the input block."""
        if self._control.fast:
            return self._registers.fast_input(offset + size)[offset:]
        return self._memory.read(self._registers.input + offset, size) if size else b""

    def _banks(self, row: Row) -> list[int]:
        data = self._input(row.input.size, _QWORD * self._control.variable)
        return list(memoryview(data).cast("Q"))

    def _simple(self, row: SimpleCall[Any]) -> None:
        given = row.input.parse(self._input(0, row.input.size))
        output = row.handle(self._vp, given, self._banks(row))
        if output:
            self._memory.write(self._registers.output, output)

    def _some_reps(self, row: RepCall[Any, Any]) -> None:
        """Go on from the start index."""
        control, size = self._control, row.element.size
        given = row.input.parse(self._input(0, row.input.size))
        first = row.input.size + _QWORD * control.variable + control.start * size
        count = min(control.reps - control.start, REPS_PER_EXIT)
        elements = row.element.parse_all(self._input(first, count * size))
        self._completed = control.start
        for output in row.handle(self._vp, given, self._banks(row), elements):
            if output:
                at = self._registers.output + self._completed * row.output
                self._memory.write(at, output)
            self._completed += 1


def perform(vp: SyntheticProcessor, registers: HypercallRegisters) -> HypercallResult:
    """The hypercall instruction. UndefinedOperation where it raises #UD."""
    legal = registers.protected_mode and registers.cpl == 0
    if not legal or not vp.partition.hypercall_page.enabled:
        raise UndefinedOperation
    return _Call(vp, registers).perform()
