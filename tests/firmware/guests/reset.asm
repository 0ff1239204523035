; Shows: a reset with a shutdown code goes on where it was told to; Ctrl-Alt-Del starts the machine again,
; warm, with every chip in order.
; Machine: any with an 8042.
; Success: the text in expected/.

    .include "guest.inc"

main:
    cmp word ptr [0x472], 0x1234
    je warm
    call say
    .asciz "cold"
    mov word ptr [0x467], back
    mov word ptr [0x469], 0
    mov al, 0x0A
    call shut_down
back:                                   ; nothing but CS:IP is known
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, STACK_TOP
    mov al, 0x0F
    out 0x70, al
    in al, 0x71
    SHOW8 " code=", al
    mov word ptr [0x467], again
    mov al, 0x05                        ; the same, with an end-of-interrupt
    call shut_down
again:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, STACK_TOP
    sti
    call say
    .asciz " again\n"
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

; AL = shutdown code
shut_down:
    cli
    mov ah, al
    mov al, 0x0F
    out 0x70, al
    mov al, ah
    out 0x71, al
    ljmp 0xF000:0xFFF0

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
