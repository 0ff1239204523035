; INT 14h (serial ports) and INT 17h (no printer).
; Source: IBM BIOS Interface Technical Reference, INT 14h, 17h; National PC16550D data sheet.
; Left out: 04h and 05h (PS/2 extended initialisation). The ports' interrupts stay off: all is polled.

.equ SERIAL_TIMEOUT,    0x80
.equ SERIAL_POLLS,      0x4000          ; for each unit of the time-out in the data area

; Look for the two ports, note their bases, count them in the equipment word.
serial_init:
    mov di, BDA_COM
    mov dx, 0x3F8
    call serial_probe
    mov dx, 0x2F8
    call serial_probe
    mov ax, di
    shl ax, 8                           ; two bytes a port, count in bits 9-11
    or [BDA_EQUIPMENT], ax
    ret

; DX = base: a UART keeps what its interrupt enable register is given. Changes AX.
serial_probe:
    inc dx
    mov al, 0x0F
    out dx, al
    in al, dx
    mov ah, al
    mov al, 0
    out dx, al
    in al, dx
    dec dx
    cmp ax, 0x0F00
    jne serial_none
    mov [di], dx
    inc di
    inc di
serial_none:
    ret

int14:
    ENTER_SERVICE
    sti
    cmp ah, 3
    ja int14_return
    cmp dx, 3
    ja int14_return
    mov di, dx
    mov bl, [di + BDA_COM_TIMEOUT]
    shl di, 1
    mov dx, [di + BDA_COM]              ; DX = base, BL = time-out
    test dx, dx
    jz int14_return
    movzx di, ah
    shl di, 1
    call word ptr cs:[di + int14_table]
int14_return:
    LEAVE_SERVICE

int14_table:
    .word serial_setup, serial_send, serial_receive, serial_status

serial_setup:                           ; 00h AL = rate, parity, stop bits, length -> status
    mov ah, al
    shr al, 4
    and al, 0x0E
    movzx di, al
    and ah, 0x1F
    add dx, UART_LCR
    mov al, 0x80                        ; divisor latch
    out dx, al
    sub dx, UART_LCR
    mov cx, cs:[di + serial_divisors]
    mov al, cl
    out dx, al
    inc dx
    mov al, ch
    out dx, al
    add dx, UART_LCR - 1
    mov al, ah
    out dx, al
    sub dx, UART_LCR - 1
    mov al, 0
    out dx, al                          ; no interrupts
    dec dx
    ; fall through

serial_status:                          ; 03h -> AH = line status, AL = modem status
    add dx, UART_LSR
    in al, dx
    mov ah, al
    inc dx
    in al, dx
    mov [bp + R_AX], ax
    ret

serial_divisors:                        ; 110 150 300 600 1200 2400 4800 9600
    .word 1047, 768, 384, 192, 96, 48, 24, 12

serial_send:                            ; 01h AL -> AH = line status, bit 7: it did not go out
    push ax
    mov bh, UART_LSR_THRE
    call serial_wait
    pop cx
    mov [bp + R_AH], ah
    jc serial_timed_out
    mov al, cl
    out dx, al
    ret

serial_receive:                         ; 02h -> AL, AH = line status, bit 7: nothing came
    mov bh, UART_LSR_READY
    call serial_wait
    mov [bp + R_AH], ah
    jc serial_timed_out
    and byte ptr [bp + R_AH], 0x1E      ; errors only
    in al, dx
    mov [bp + R_AL], al
    ret

serial_timed_out:
    or byte ptr [bp + R_AH], SERIAL_TIMEOUT
    ret

; BH = line status bit to wait for, BL = time-out, DX = base -> AH = line status. Carry: it never came.
; Raises DTR and RTS. Changes AL, BX, CX.
serial_wait:
    add dx, UART_MCR
    in al, dx
    or al, UART_MCR_DTR_RTS
    out dx, al
    inc dx
    inc bl                              ; a time-out of 0 still looks once
serial_wait_unit:
    mov cx, SERIAL_POLLS
serial_wait_poll:
    in al, dx
    mov ah, al
    test al, bh                         ; clears carry
    jnz serial_wait_done
    loop serial_wait_poll
    dec bl
    jnz serial_wait_unit
    stc
serial_wait_done:
    lea dx, [edx - 5]                   ; UART_LSR; LEA keeps the carry
    ret

; INT 17h: every request times out, as on a machine without a printer port.
int17:
    mov ah, 0x01
    iret
