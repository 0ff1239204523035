; A keyboard driver of its own: takes IRQ 1, reads scan codes from the 8042, echoes what is typed
; until Enter.
;
; Machine: a PC with an 8042 and a PS/2 keyboard, scan code set 1 after translation, COM1.
; Input: type a line after "ready". Success: the line comes back, exit code 0.

.include "boot.inc"
.include "irq16.inc"

.equ ENTER,         0x1C
.equ LEFT_SHIFT,    0x2A
.equ RIGHT_SHIFT,   0x36
.equ RELEASED,      0x80

; The handler and the loop below share a ring of codes; one byte indexes all of it, so it needs no
; wrapping.
.equ RING,          0x600

    ; Take the keyboard away from the firmware: nothing else may read port 60h from here on.
    cli
    SET_VECTOR VECTOR_KEYBOARD, keyboard_irq
    SET_MASKS 0xFD, 0xFF
    sti
    PRINT "ready\r\nyou typed: "

    xor bx, bx                          ; BL: where to take the next code, BH: shift is down
next_code:
    ; STI lets no interrupt in before HLT, so a key cannot slip in between the test and the sleep.
    cli
    cmp bl, [ring_end]
    jne have_code
    sti
    hlt
    jmp next_code
have_code:
    sti
    mov si, bx
    and si, 0xFF
    mov al, [RING + si]
    inc bl

    ; Both shift keys, going down and coming up.
    mov ah, al
    and ah, 0xFF - RELEASED
    cmp ah, LEFT_SHIFT
    je shift
    cmp ah, RIGHT_SHIFT
    jne not_shift
shift:
    mov bh, al
    not bh
    and bh, RELEASED                    ; 80h while it is down
    jmp next_code

not_shift:
    test al, RELEASED
    jnz next_code
    cmp al, ENTER
    je done
    cmp al, plain_end - plain
    jae next_code
    mov si, offset plain
    test bh, bh
    jz look_up
    mov si, offset shifted
look_up:
    xor ah, ah
    add si, ax
    mov al, [si]
    test al, al                         ; a key without a character
    jz next_code
    call putc
    jmp next_code

done:
    PRINT "\r\nkeyboard: ok\r\n"
    EXIT 0

; IRQ 1: the 8042 holds a code. Reading it lets the next one come.
keyboard_irq:
    push ax
    push bx
    in al, KBC_DATA
    mov bl, cs:[ring_end]
    xor bh, bh
    mov cs:[RING + bx], al
    inc byte ptr cs:[ring_end]
    EOI_MASTER
    pop bx
    pop ax
    iret

ring_end:
    .byte 0

; Set 1, codes 00h to 39h, on a US keyboard.
plain:
    .ascii "\0\0001234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 "
plain_end:
shifted:
    .ascii "\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 "
    .assert $ - shifted == plain_end - plain, "the two tables differ in length"

.include "print16.inc"
IMAGE_END
