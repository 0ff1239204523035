; The clock chip by interrupts: 128 periodic ones between two update-ended ones, then the date and
; time.
;
; Machine: a PC with an MC146818 clock on IRQ 8, COM1.
; Success: 127 to 129 periodic interrupts in a second, a date that is one, exit code 0.

.include "boot.inc"
.include "irq16.inc"

.equ REGISTER_A,    0x0A
.equ REGISTER_B,    0x0B
.equ REGISTER_C,    0x0C
.equ RATE_128_HZ,   0x29                ; 32768 Hz time base, divided by 256
.equ PERIODIC,      0x40                ; the same bits enable in B and tell the cause in C
.equ UPDATE_ENDED,  0x10
.equ HOURS_24,      0x02                ; and BCD, as a PC's firmware sets it

    cli
    SET_VECTOR VECTOR_RTC, rtc_irq
    SET_MASKS 0xFB, 0xFE
    mov ax, RATE_128_HZ << 8 | REGISTER_A
    call cmos_write
    mov ax, (PERIODIC | UPDATE_ENDED | HOURS_24) << 8 | REGISTER_B
    call cmos_write
    mov al, REGISTER_C                  ; a cause that is left over would hold the line
    call cmos_read
    sti

    ; From one end of an update to the next is one second.
    mov al, 1
    call wait_updates
    mov word ptr [periods], 0
    mov al, 2
    call wait_updates
    mov cx, [periods]

    ; The handler would go on for ever: switch both interrupts off.
    cli
    mov ax, HOURS_24 << 8 | REGISTER_B
    call cmos_write
    sti
    mov ax, cx
    PRINT "periodic interrupts in a second: "
    call print_decimal
    PRINT "\r\n"
    cmp ax, 127
    jb wrong
    cmp ax, 129
    ja wrong

    ; Right behind an update nothing moves for a second: read the registers one by one.
    PRINT "time: "
    mov si, offset fields
next_field:
    lodsb
    test al, al
    js last_field
    call cmos_read
    call print_byte
    lodsb
    test al, al
    jz next_field
    call putc
    jmp next_field
last_field:
    PRINT "\r\n"
    EXIT 0

wrong:
    PRINT "the clock is wrong\r\n"
    EXIT 1

; Sleep until AL updates have ended.
wait_updates:
    cmp [updates], al
    jae .done
    hlt
    jmp wait_updates
.done:
    ret

; AL = register -> AL = its value.
cmos_read:
    out CMOS_INDEX, al
    in al, CMOS_DATA
    ret

; AL = register, AH = value.
cmos_write:
    out CMOS_INDEX, al
    mov al, ah
    out CMOS_DATA, al
    ret

; IRQ 8. Reading register C tells the causes and lets the next interrupt come.
rtc_irq:
    push ax
    mov al, REGISTER_C
    call cmos_read
    test al, PERIODIC
    jz .no_period
    inc word ptr [periods]
.no_period:
    test al, UPDATE_ENDED
    jz .no_update
    inc byte ptr [updates]
.no_update:
    EOI_SLAVE
    pop ax
    iret

periods:
    .word 0
updates:
    .byte 0

; Registers in the order of reading, each with the character to print behind it (0: none). Register
; 32h is the century by a PC's convention.
fields:
    .byte 0x32, 0x00
    .byte 0x09, '-', 0x08, '-', 0x07, ' '
    .byte 0x04, ':', 0x02, ':', 0x00, 0
    .byte 0xFF

.include "print16.inc"
IMAGE_END
