; Time: IRQ 0 and its tick count, the MC146818 behind INT 1Ah, its interrupt (INT 70h).
; Sources: MC146818A data sheet; IBM BIOS Interface Technical Reference, INT 1Ah.
; Left out: the PS/2 and PCjr sub-services above 07h.

.equ RTC_SECONDS,       0x00
.equ RTC_ALARM_SECONDS, 0x01
.equ RTC_MINUTES,       0x02
.equ RTC_ALARM_MINUTES, 0x03
.equ RTC_HOURS,         0x04
.equ RTC_ALARM_HOURS,   0x05
.equ RTC_DAY,           0x07
.equ RTC_MONTH,         0x08
.equ RTC_YEAR,          0x09
.equ RTC_A,             0x0A
.equ RTC_B,             0x0B
.equ RTC_C,             0x0C
.equ RTC_A_UPDATING,    0x80
.equ RTC_A_REST,        0x26            ; 32768 Hz crystal, periodic rate 1024 Hz
.equ RTC_B_SET,         0x80
.equ RTC_B_PERIODIC,    0x40
.equ RTC_B_ALARM,       0x20
.equ RTC_B_24_HOURS,    0x02
.equ RTC_B_DST,         0x01
.equ RTC_B_REST,        0x02            ; 24 hours, BCD, no interrupts

.equ TICKS_A_DAY,       0x1800B0
.equ RTC_PERIOD_US,     976
.equ RTC_POLLS,         0x2000          ; an update takes 2.2 ms

; Set the tick count from the time of day: seconds * 1193182 / 65536.
clock_init:
    call rtc_wait
    mov al, RTC_HOURS
    call rtc_read_binary
    movzx ecx, al
    imul ecx, ecx, 60
    mov al, RTC_MINUTES
    call rtc_read_binary
    movzx eax, al
    add ecx, eax
    imul ecx, ecx, 60
    mov al, RTC_SECONDS
    call rtc_read_binary
    movzx eax, al
    add eax, ecx
    mov ecx, 1193182
    mul ecx
    shrd eax, edx, 16
    cmp eax, TICKS_A_DAY
    jae clock_bad                       ; the clock was never set
    mov [BDA_TICKS], eax
clock_bad:
    ret

; AL = cell -> AL = its BCD value in binary. Changes AH.
rtc_read_binary:
    call cmos_read
    mov ah, al
    shr ah, 4
    and al, 0x0F
    aad
    ret

; Wait until the time can be read without an update in between. Carry: the clock never comes to rest.
rtc_wait:
    push cx
    mov cx, RTC_POLLS
rtc_wait_next:
    mov al, RTC_A
    call cmos_read
    test al, RTC_A_UPDATING             ; clears carry
    jz rtc_wait_done
    loop rtc_wait_next
    stc
rtc_wait_done:
    pop cx
    ret

; AH = bits to set, AL = bits to keep in register B. Changes AX.
rtc_change_b:
    pushf
    cli                                 ; INT 70h changes it, too
    push bx
    mov bx, ax
    mov al, RTC_B
    call cmos_read
    and al, bl
    or al, bh
    mov ah, al
    mov al, RTC_B
    call cmos_write
    pop bx
    popf
    ret

; IRQ 0, 18.2 times a second
irq0:
    push ds
    push eax
    push BDA_SEGMENT
    pop ds
    mov eax, [BDA_TICKS]
    inc eax
    cmp eax, TICKS_A_DAY
    jb irq0_same_day
    xor eax, eax
    mov byte ptr [BDA_MIDNIGHT], 1
irq0_same_day:
    mov [BDA_TICKS], eax
    cmp byte ptr [BDA_MOTOR_COUNT], 0   ; no motor here, but programs watch the count
    je irq0_user
    dec byte ptr [BDA_MOTOR_COUNT]
irq0_user:
    push dx                             ; INT 1Ch may change AX, DX and DS, as it always could
    int 0x1C
    mov al, PIC_EOI
    out PIC1_COMMAND, al
    pop dx
    pop eax
    pop ds
    iret

; IRQ 8: periodic ticks serve INT 15h/83h and 86h, the alarm calls INT 4Ah.
irq8:
    push ds
    push eax
    push BDA_SEGMENT
    pop ds
    mov al, RTC_C                       ; reading it is the acknowledgement
    call cmos_read
    mov ah, al
    mov al, RTC_B
    call cmos_read
    and al, ah                          ; what happened and was asked for
    test al, RTC_B_PERIODIC
    jz irq8_alarm
    push ax
    call wait_tick
    pop ax
irq8_alarm:
    test al, RTC_B_ALARM
    jz irq8_done
    push dx
    sti
    int 0x4A
    cli
    pop dx
irq8_done:
    call eoi_both
    pop eax
    pop ds
    iret

; INT 1Ah
int1a:
    ENTER_SERVICE
    RETURN_NO_CARRY
    cmp ah, 0xB1
    je int1a_pci
    cmp ah, 7
    ja int1a_unknown
    movzx di, ah
    shl di, 1
    call word ptr cs:[di + int1a_table]
    LEAVE_SERVICE
int1a_unknown:
    RETURN_CARRY
    LEAVE_SERVICE
int1a_pci:
    call pci_bios
    LEAVE_SERVICE

int1a_table:
    .word int1a_ticks, int1a_set_ticks, int1a_time, int1a_set_time
    .word int1a_date, int1a_set_date, int1a_alarm, int1a_no_alarm

int1a_ticks:                            ; 00h -> CX:DX, AL = midnights
    cli
    mov ax, [BDA_TICKS]
    mov [bp + R_DX], ax
    mov ax, [BDA_TICKS + 2]
    mov [bp + R_CX], ax
    mov al, 0
    xchg al, [BDA_MIDNIGHT]
    mov [bp + R_AL], al
    ret

int1a_set_ticks:                        ; 01h CX:DX
    cli
    mov [BDA_TICKS], dx
    mov [BDA_TICKS + 2], cx
    mov byte ptr [BDA_MIDNIGHT], 0
    ret

int1a_time:                             ; 02h -> CH:CL:DH, DL = daylight saving
    call rtc_wait
    jc int1a_failed
    mov si, int1a_time_cells
    call int1a_read_cells
    mov al, RTC_B
    call cmos_read
    and al, RTC_B_DST
    mov [bp + R_DL], al
    ret

int1a_set_time:                         ; 03h
    call int1a_hold
    mov al, [bp + R_DL]
    and al, RTC_B_DST
    mov ah, al
    or ah, RTC_B_SET | RTC_B_24_HOURS
    mov al, RTC_B_PERIODIC | RTC_B_ALARM
    call rtc_change_b
    mov si, int1a_time_cells
    jmp int1a_write_cells

int1a_date:                             ; 04h -> CX = year, DH = month, DL = day
    call rtc_wait
    jc int1a_failed
    mov si, int1a_date_cells
    jmp int1a_read_cells

int1a_set_date:                         ; 05h
    call int1a_hold
    mov si, int1a_date_cells
    jmp int1a_write_cells

int1a_alarm:                            ; 06h CH:CL:DH; carry when one is set already
    mov al, RTC_B
    call cmos_read
    test al, RTC_B_ALARM
    jnz int1a_failed
    call int1a_hold
    mov si, int1a_alarm_cells
    call int1a_write_cells
    mov ax, (RTC_B_ALARM << 8) | (0xFF - RTC_B_SET)
    jmp rtc_change_b

int1a_no_alarm:                         ; 07h
    mov ax, 0xFF - RTC_B_ALARM
    jmp rtc_change_b

int1a_failed:
    RETURN_CARRY
    ret

; Stop the updates, so that no half-written time counts on.
int1a_hold:
    call rtc_wait
    mov ax, (RTC_B_SET << 8) | 0xFF
    jmp rtc_change_b

; Cells and the places in the frame they belong to.
int1a_time_cells:
    .byte RTC_HOURS, R_CH, RTC_MINUTES, R_CL, RTC_SECONDS, R_DH, 0xFF
int1a_date_cells:
    .byte CMOS_CENTURY, R_CH, RTC_YEAR, R_CL, RTC_MONTH, R_DH, RTC_DAY, R_DL, 0xFF
int1a_alarm_cells:
    .byte RTC_ALARM_HOURS, R_CH, RTC_ALARM_MINUTES, R_CL, RTC_ALARM_SECONDS, R_DH, 0xFF

int1a_read_cells:                       ; CS:SI
    mov ax, cs:[si]
    cmp al, 0xFF
    je int1a_cells_done
    movzx di, ah
    call cmos_read
    mov [bp + di], al
    add si, 2
    jmp int1a_read_cells
int1a_cells_done:
    ret

int1a_write_cells:                      ; CS:SI; then let the clock run
    mov ax, cs:[si]
    cmp al, 0xFF
    je int1a_release
    movzx di, ah
    mov ah, [bp + di]
    call cmos_write
    add si, 2
    jmp int1a_write_cells
int1a_release:
    mov ax, 0xFF - RTC_B_SET
    jmp rtc_change_b
