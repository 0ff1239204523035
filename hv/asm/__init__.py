"""The assembler: GNU-like and NASM-like Intel syntax in, a flat binary with symbols and a listing
out.

This package reads the source, expands macros and gives addresses; Keystone encodes single
instructions in a child process. The dialect is described in ``statements``, ``expand``,
``expression`` and ``operands``; the short of it:

- a bare name is its address, brackets are memory; ``offset name`` and ``dword ptr [name]`` are
  understood too
- ``;``, ``#`` and ``//`` start comments, so one statement a line
- ``.origin 0x7c00`` (or ``org``) says where the code will be loaded; ``.code16 .code32 .code64``
  (or ``bits 16``)
- data: ``.byte .word .long .quad .ascii .asciz .fill .skip .align .org .incbin`` or ``db dw dd dq
  resb times``
- ``.name:`` is local to the label above it; ``1:`` is reached as ``1b`` and ``1f``
- ``.equ .macro .rept .irp .if .include .assert .error`` or ``equ %macro %rep %define %if
  %include``
"""

from hv.asm.assembly import Assembly, Row, assemble_file, assemble_text

__all__ = ["Assembly", "Row", "assemble_file", "assemble_text"]
