; Shows: INT 14h on COM1, looped back to itself, INT 17h without a printer.
; Machine: COM1.
; Success: the text in expected/.

    .include "guest.inc"

main:
    mov ax, 0x00E3                      ; 9600 8N1
    mov dx, 0
    int 0x14
    and ah, 0x60
    mov bl, ah
    mov dx, COM1 + 3
    in al, dx
    mov bh, al
    or al, 0x80
    out dx, al
    mov dx, COM1
    in al, dx
    mov cl, al
    inc dx
    in al, dx
    mov ch, al
    mov dx, COM1 + 3
    mov al, bh
    out dx, al
    SHOW16 "format, status=", bx
    SHOW16 " divisor=", cx
    call line

    mov byte ptr [0x47C], 0             ; look once
    mov dx, COM1 + 4
    mov al, 0x13                        ; loop back
    out dx, al
    mov dx, 0
    mov ax, 0x015A
    int 0x14
    mov [sent], ax
    mov ah, 3
    int 0x14
    mov [status], ax
    mov ah, 2
    int 0x14
    mov [received], ax
    mov ah, 2
    int 0x14
    mov [nothing], ax
    mov dx, COM1 + 4
    mov al, 0x03
    out dx, al
    and byte ptr [sent + 1], 0x80
    and word ptr [status], 0x01F0
    SHOW16 "sent=", [sent]
    SHOW16 " status=", [status]
    SHOW16 " received=", [received]
    and byte ptr [nothing + 1], 0x80
    SHOW8 " nothing=", [nothing + 1]
    call line

    mov dx, 3                           ; no such port, no such function: AX stays
    mov ax, 0x0155
    int 0x14
    SHOW16 "absent=", ax
    mov dx, 0
    mov ax, 0x0755
    int 0x14
    SHOW16 " unknown=", ax
    mov ax, 0x0241
    mov dx, 0
    int 0x17
    SHOW16 " printer=", ax
    call line
    jmp finish

sent:       .word 0
status:     .word 0
received:   .word 0
nothing:    .word 0
