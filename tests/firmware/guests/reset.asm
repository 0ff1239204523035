; Shows: Ctrl-Alt-Del starts the machine again, warm, with every chip in order.
; Machine: any with an 8042.
; Success: the text in expected/.

    .include "guest.inc"

main:
    cmp word ptr [0x472], 0x1234
    je warm
    call say
    .asciz "cold\n"
    mov al, 0x36                        ; leave things in disorder
    out 0x43, al
    mov al, 0xFF
    out 0xA1, al
    mov al, 0x0B
    out 0x70, al
    mov al, 0x42
    out 0x71, al
    mov si, keys
next:
    lodsb
    mov ah, al
ready:
    in al, 0x64
    test al, 3
    jnz ready
    mov al, 0xD2
    out 0x64, al
    mov al, ah
    out 0x60, al
    jmp next
keys:
    .byte 0x1D, 0x38, 0x53

warm:
    call say
    .asciz "warm"
    mov al, 0x0B
    out 0x70, al
    in al, 0x71
    SHOW8 " rtc=", al
    in al, 0xA1
    SHOW8 " mask=", al
    SHOW8 " shift=", [0x417]
    mov al, 0x0B
    out 0x20, al
    in al, 0x20
    SHOW8 " isr=", al
    mov bx, [0x46C]
tick:
    hlt
    cmp bx, [0x46C]
    je tick
    call say
    .asciz " ticking\n"
    jmp finish
