; A guest that goes wrong: an interrupt with no table to look it up in, no way to report that, no
; way to report that either.
;
; Machine: any PC.
; Outcome: triple fault (exit code 10).

.include "pc.inc"

.origin 0x7C00
.code16

start:
    xor ax, ax
    mov ds, ax
    lidt [no_table]
    int 3
    EXIT 1                      ; never reached

no_table:
    .word 0                     ; limit: not even vector 0
    .long 0

.org 510
    .word 0xAA55
