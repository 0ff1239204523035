; Shows: what the BIOS says when nobody handles a fault.
; Machine: any.
; Success: the message on the screen, the machine halted for good.

    .include "guest.inc"

main:
    mov ax, 1
    mov cl, 0
    div cl
    jmp finish
