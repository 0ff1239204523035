; A guest that goes wrong: it sleeps with interrupts off, so nothing can ever wake it.
;
; Machine: any PC.
; Outcome: stuck (exit code 12).

.origin 0x7C00
.code16

start:
    cli
    hlt
    jmp start

.org 510
    .word 0xAA55
