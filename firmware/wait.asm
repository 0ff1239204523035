; Waiting: short delays by the refresh toggle of port 61h, longer ones by the clock's periodic interrupt
; (INT 15h/83h and 86h).
; Source: IBM PC AT Technical Reference, INT 15h "wait" services.

.equ WAIT_BY_CLOCK_US,  2000            ; from here on the processor may sleep
.equ WAIT_BUSY,         0x01
.equ WAIT_DONE,         0x80
.equ REFRESH_POLLS,     0x40            ; reads of port 61h that may pass without a toggle

; CX = refresh periods of 15 us to let pass. A refresh signal that stands still does not hang us.
; Changes AX, CX.
wait_refresh:
    push dx
    in al, PORT_B
    and al, PORT_B_REFRESH
    mov ah, al
wait_refresh_next:
    mov dx, REFRESH_POLLS
wait_refresh_poll:
    in al, PORT_B
    and al, PORT_B_REFRESH
    cmp al, ah
    jne wait_refresh_edge
    dec dx
    jnz wait_refresh_poll
wait_refresh_edge:
    mov ah, al
    loop wait_refresh_next
    pop dx
    ret

; INT 15h/86h: wait CX:DX microseconds
int15_wait:
    call wait_microseconds
    cmp eax, WAIT_BY_CLOCK_US
    jae int15_wait_clock
    mov cx, ax                          ; 15.085 us are (1/16 + 1/256) of a microsecond's count
    shr ax, 4
    shr cx, 8
    add cx, ax
    inc cx
    call wait_refresh
    jmp int15_ok
int15_wait_clock:
    mov di, BDA_WAIT_ACTIVE             ; its own flag: bit 7 tells us, too
    push ds
    pop es
    call wait_start
    jc int15_wait_busy
    mov edx, [BDA_WAIT_COUNT]
    shr edx, 15                         ; a bound in ticks of 55 ms, should nobody serve INT 70h
    add edx, 4
int15_wait_sleep:
    mov ax, [BDA_TICKS]
    test byte ptr [BDA_WAIT_ACTIVE], WAIT_DONE
    jnz int15_wait_over
    sti
    hlt
    cli
    cmp ax, [BDA_TICKS]
    je int15_wait_sleep
    dec edx
    jnz int15_wait_sleep
int15_wait_over:
    call wait_stop
    jmp int15_ok
int15_wait_busy:
    mov byte ptr [bp + R_AH], 0x83
    RETURN_CARRY
    ret

; INT 15h/83h: AL = 0: set bit 7 of the byte at ES:BX after CX:DX microseconds; AL = 1: forget about it
int15_event_wait:
    cmp al, 1
    je int15_event_cancel
    ja int15_unknown
    call wait_microseconds
    mov di, bx
    call wait_start
    jc int15_wait_busy
    sti
    jmp int15_ok
int15_event_cancel:
    call wait_stop
    jmp int15_ok

; CX:DX -> EAX
wait_microseconds:
    mov ax, cx
    shl eax, 16
    mov ax, dx
    ret

; EAX = microseconds, ES:DI = byte to flag. Returns with interrupts off; carry: another wait is running.
wait_start:
    cli
    test byte ptr [BDA_WAIT_ACTIVE], WAIT_BUSY
    stc
    jnz wait_start_done
    mov [BDA_WAIT_COUNT], eax
    mov [BDA_WAIT_FLAG], di
    mov [BDA_WAIT_FLAG + 2], es
    mov byte ptr [BDA_WAIT_ACTIVE], WAIT_BUSY
    in al, PIC2_DATA                    ; a program may have closed the clock's line
    and al, 0xFE
    out PIC2_DATA, al
    in al, PIC1_DATA
    and al, 0xFB
    out PIC1_DATA, al
    mov ax, (RTC_B_PERIODIC << 8) | 0xFF
    call rtc_change_b
    clc
wait_start_done:
    ret

wait_stop:
    mov ax, 0xFF - RTC_B_PERIODIC
    call rtc_change_b
    mov byte ptr [BDA_WAIT_ACTIVE], 0
    ret

; One period of the clock passed: called by INT 70h with DS = BIOS data area. Changes AX.
wait_tick:
    test byte ptr [BDA_WAIT_ACTIVE], WAIT_BUSY
    jz wait_tick_done                   ; the program uses the periodic interrupt itself
    sub dword ptr [BDA_WAIT_COUNT], RTC_PERIOD_US
    ja wait_tick_done
    call wait_stop
    push es
    push di
    les di, [BDA_WAIT_FLAG]
    or byte ptr es:[di], WAIT_DONE
    pop di
    pop es
wait_tick_done:
    ret
