; Shows: keys of a real keyboard, as INT 16h gives them, up to Esc.
; Machine: an 8042 with a keyboard somebody types on.
; Success: what was typed.

    .include "guest.inc"

main:
    mov ah, 0x10
    int 0x16
    cmp ax, 0x011B
    je done
    SHOW16 " ", ax
    jmp main
done:
    call line
    jmp finish
