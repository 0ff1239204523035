; A guest that goes wrong: it never ends. Its run ends when its budget of instructions does.
;
; Machine: any PC.
; Outcome: budget (exit code 124).

.origin 0x7C00
.code16

start:
    jmp start

.org 510
    .word 0xAA55
