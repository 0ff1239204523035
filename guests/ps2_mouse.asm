; A PS/2 mouse driver: switches the auxiliary port of the 8042 on, takes IRQ 12, prints packets
; until a click.
;
; Machine: a PC with an 8042 and a PS/2 mouse, COM1.
; Input: move the mouse, then press its left button, after "ready". Success: the click arrives, exit
; code 0.

.include "boot.inc"
.include "irq16.inc"

.equ KBC_READ_CONFIG,   0x20
.equ KBC_WRITE_CONFIG,  0x60
.equ KBC_ENABLE_AUX,    0xA8
.equ KBC_TO_AUX,        0xD4        ; the next data byte goes to the mouse
.equ CONFIG_AUX_IRQ,    0x02
.equ CONFIG_AUX_OFF,    0x20
.equ MOUSE_DEFAULTS,    0xF6
.equ MOUSE_REPORT,      0xF4
.equ MOUSE_ACK,         0xFA
.equ LEFT_BUTTON,       0x01
.equ ALWAYS_ONE,        0x08

    ; Set up by polling, with no interrupt that could take the answers away.
    cli
    SET_MASKS 0xFF, 0xFF
    mov al, KBC_ENABLE_AUX
    call kbc_command
    mov al, KBC_READ_CONFIG
    call kbc_command
    call kbc_read
    or al, CONFIG_AUX_IRQ
    and al, 0xFF - CONFIG_AUX_OFF
    mov ah, al
    mov al, KBC_WRITE_CONFIG
    call kbc_command
    mov al, ah
    call kbc_write
    mov al, MOUSE_DEFAULTS
    call mouse_command
    mov al, MOUSE_REPORT
    call mouse_command

    SET_VECTOR VECTOR_MOUSE, mouse_irq
    SET_MASKS 0xFB, 0xEF                ; line 2 (the slave) and line 12
    sti
    PRINT "ready\r\n"

    ; One packet a round: buttons and signs, X movement, Y movement.
packet:
    cli
    cmp byte ptr [packet_ready], 0
    jne have_packet
    sti
    hlt
    jmp packet
have_packet:
    mov byte ptr [packet_ready], 0
    sti
    PRINT "packet "
    mov si, offset packet_bytes
    mov cx, 3
print_packet:
    lodsb
    call print_byte
    mov al, ' '
    call putc
    loop print_packet
    PRINT "\r\n"
    test byte ptr [packet_bytes], LEFT_BUTTON
    jz packet
    PRINT "mouse: clicked\r\n"
    EXIT 0

; IRQ 12: one byte of a packet. The acknowledges that we polled left a request behind in the 8259A,
; so the first interrupt finds nothing. A first byte without its fixed bit means that we are out of
; step: drop it.
mouse_irq:
    push ax
    push bx
    in al, KBC_STATUS
    and al, KBC_OUTPUT | KBC_FROM_AUX
    cmp al, KBC_OUTPUT | KBC_FROM_AUX
    jne .done
    in al, KBC_DATA
    xor bh, bh
    mov bl, [packet_count]
    test bl, bl
    jnz .store
    test al, ALWAYS_ONE
    jz .done
.store:
    mov [packet_bytes + bx], al
    inc bl
    cmp bl, 3
    jb .count
    mov byte ptr [packet_ready], 1
    xor bl, bl
.count:
    mov [packet_count], bl
.done:
    EOI_SLAVE
    pop bx
    pop ax
    iret

; Send AL to the mouse, which must acknowledge it.
mouse_command:
    mov ah, al
    mov al, KBC_TO_AUX
    call kbc_command
    mov al, ah
    call kbc_write
    call kbc_read
    cmp al, MOUSE_ACK
    jne fail
    ret

kbc_command:
    push ax
    call kbc_wait
    pop ax
    out KBC_COMMAND, al
    ret

kbc_write:
    push ax
    call kbc_wait
    pop ax
    out KBC_DATA, al
    ret

kbc_wait:
    in al, KBC_STATUS
    test al, KBC_INPUT
    jnz kbc_wait
    ret

kbc_read:
    in al, KBC_STATUS
    test al, KBC_OUTPUT
    jz kbc_read
    in al, KBC_DATA
    ret

fail:
    PRINT "mouse: no acknowledge\r\n"
    EXIT 1

packet_ready:
    .byte 0
packet_count:
    .byte 0
packet_bytes:
    .byte 0, 0, 0

.include "print16.inc"
IMAGE_END
