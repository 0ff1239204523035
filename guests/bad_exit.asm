; A guest that reports a failure of its own: code 7.
;
; Machine: any PC.
; Outcome: fail (exit code 1) with guest code 7.

.include "pc.inc"

.origin 0x7C00
.code16

start:
    EXIT 7

.org 510
    .word 0xAA55
