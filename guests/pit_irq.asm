; The timer: channel 0 of the 8254 at 100 Hz through IRQ 0, measured against one second of the clock
; chip.
;
; Machine: a PC with 8254, 8259A and an MC146818 clock, COM1.
; Success: 99 to 101 ticks in a second, exit code 0.

.include "boot.inc"
.include "irq16.inc"

.equ PIT_HZ,        1193182
.equ TICKS_HZ,      100
.equ DIVISOR,       (PIT_HZ + TICKS_HZ / 2) / TICKS_HZ
.equ CHANNEL0_RATE, 0x34                ; channel 0, low byte then high byte, mode 2
.equ CHANNEL0_LATCH, 0x00
.equ CMOS_SECONDS,  0x00

    cli
    SET_VECTOR VECTOR_PIT, pit_irq
    SET_MASKS 0xFE, 0xFF
    mov al, CHANNEL0_RATE
    out PIT_CONTROL, al
    mov al, DIVISOR & 0xFF
    out PIT_COUNTER0, al
    mov al, DIVISOR >> 8
    out PIT_COUNTER0, al
    sti

    ; Let the clock chip's second change once, then count ticks until it changes again.
    call next_second
    mov word ptr [ticks], 0
    call next_second
    mov ax, [ticks]
    PRINT "ticks in a second: "
    call print_decimal
    PRINT "\r\n"
    cmp ax, TICKS_HZ - 1
    jb wrong
    cmp ax, TICKS_HZ + 1
    ja wrong

    ; Between two ticks the counter runs down: it never shows more than it was loaded with.
    hlt
    call read_counter
    mov bx, ax
    call read_counter
    cmp bx, DIVISOR
    ja wrong
    cmp ax, bx
    ja wrong
    PRINT "counter runs down: ok\r\n"
    EXIT 0

wrong:
    PRINT "the timer is wrong\r\n"
    EXIT 1

; Sleep until the clock's second changes; the ticks wake us often enough to see it.
next_second:
    mov al, CMOS_SECONDS
    out CMOS_INDEX, al
    in al, CMOS_DATA
    mov bl, al
.same:
    hlt
    mov al, CMOS_SECONDS
    out CMOS_INDEX, al
    in al, CMOS_DATA
    cmp al, bl
    je .same
    ret

; AX = what counter 0 shows now.
read_counter:
    mov al, CHANNEL0_LATCH
    out PIT_CONTROL, al
    in al, PIT_COUNTER0
    mov ah, al
    in al, PIT_COUNTER0
    xchg al, ah
    ret

; IRQ 0.
pit_irq:
    push ax
    inc word ptr [ticks]
    EOI_MASTER
    pop ax
    iret

ticks:
    .word 0

.include "print16.inc"
IMAGE_END
