; Shows: INT 15h/C2h: a PS/2 mouse set up, its packets delivered to a handler.
; The packets come from the guest itself: command D3h makes the 8042 deliver a byte as the mouse's.
; Machine: an 8042 with a mouse.
; Success: the text in expected/.

    .include "guest.inc"

show_result:                            ; AX, carry, BX
    pushf
    call say
    .asciz " ax="
    call hex16
    popf
    call carry
    SHOW16 " bx=", bx
    ret

; Called far by IRQ 12 with status, X, Y, Z above the return address
handler:
    push bp
    mov bp, sp
    pusha
    push ds
    xor ax, ax
    mov ds, ax
    mov si, [packets]
    shl si, 3
    mov ax, [bp + 12]
    mov [si + SCRATCH], ax
    mov ax, [bp + 10]
    mov [si + SCRATCH + 2], ax
    mov ax, [bp + 8]
    mov [si + SCRATCH + 4], ax
    mov ax, [bp + 6]
    mov [si + SCRATCH + 6], ax
    inc word ptr [packets]
    pop ds
    popa
    pop bp
    retf

; AL = byte from the mouse
move:
    pusha
    mov ah, al
move_ready:
    in al, 0x64
    test al, 3
    jnz move_ready
    mov al, 0xD3
    out 0x64, al
move_command:
    in al, 0x64
    test al, 2
    jnz move_command
    mov al, ah
    out 0x60, al
    mov cx, 200
move_settle:                            ; until it is taken
    in al, 0x64
    loop move_settle
    popa
    ret

main:
    int 0x11
    and al, 4
    SHOW8 "equipment=", al
    mov ax, 0xC200                      ; no handler yet
    mov bh, 1
    int 0x15
    call show_result
    mov ax, 0xC205
    mov bh, 3
    int 0x15
    call show_result
    mov ax, 0xC204
    int 0x15
    call show_result
    mov ax, 0xC202
    mov bh, 5
    int 0x15
    call show_result
    mov ax, 0xC203
    mov bh, 2
    int 0x15
    call show_result
    call line
    mov ax, 0xC206                      ; status: disabled, 1:1, resolution, rate
    mov bx, 0
    int 0x15
    call show_result
    SHOW8 " ", cl
    SHOW8 " ", dl
    mov ax, 0xC206
    mov bh, 2
    int 0x15
    call show_result
    mov ax, 0xC203
    mov bh, 9
    int 0x15
    call show_result
    mov ax, 0xC209
    int 0x15
    call show_result
    call line

    push cs
    pop es
    mov bx, handler
    mov ax, 0xC207
    int 0x15
    mov bx, 0
    call show_result
    mov ax, 0xC200
    mov bh, 1
    int 0x15
    mov bl, 0
    call show_result
    mov al, 0x02                        ; not the first byte of a packet: dropped
    call move
    mov al, 0x08
    call move
    mov al, 0x05
    call move
    mov al, 0xFB
    call move
    mov al, 0x29
    call move
    mov al, 0x01
    call move
    mov al, 0xFF
    call move
    SHOW16 " packets=", [packets]
    SHOW16 " ", [SCRATCH]
    SHOW16 " ", [SCRATCH + 2]
    SHOW16 " ", [SCRATCH + 4]
    SHOW16 " ", [SCRATCH + 6]
    SHOW16 " ", [SCRATCH + 8]
    SHOW16 " ", [SCRATCH + 10]
    SHOW16 " ", [SCRATCH + 12]
    call line
    mov ax, 0xC200
    mov bh, 0
    int 0x15
    mov bl, 0
    call show_result
    mov al, 0x0A                        ; no interrupt of either controller is left over
    out 0x20, al
    out 0xA0, al
    mov al, 0x0B
    out 0x20, al
    out 0xA0, al
    in al, 0x20
    mov bl, al
    in al, 0xA0
    or al, bl
    SHOW8 " isr=", al
    in al, 0x60                         ; and the keyboard still works
    mov al, 0xD2
    out 0x64, al
    mov al, 0x1E
    out 0x60, al
    mov ah, 0
    int 0x16
    SHOW16 " key=", ax
    call line
    jmp finish

packets:    .word 0
