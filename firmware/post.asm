; Power-on: from the reset vector to INT 19h. Interrupts stay off until the vectors, the BIOS data area
; and the chips are in place; the stack below 7C00h is the one that the boot sector inherits.

.equ CMOS_NO_NMI,       0x80
.equ SHUTDOWN_EOI_JUMP, 0x05
.equ SHUTDOWN_JUMP,     0x0A

post:
    cli
    cld
    POST_CODE 0x01
    mov al, CMOS_SHUTDOWN | CMOS_NO_NMI
    out CMOS_INDEX, al
    in al, CMOS_DATA
    mov ah, al
    mov al, CMOS_SHUTDOWN
    out CMOS_INDEX, al
    mov al, 0
    out CMOS_DATA, al                   ; the next reset is a plain one again
    cmp ah, SHUTDOWN_EOI_JUMP
    je post_resume_eoi
    cmp ah, SHUTDOWN_JUMP
    je post_resume

    xor ax, ax
    mov ss, ax
    mov sp, BOOT_OFFSET

    POST_CODE 0x02
    call chips_init
    POST_CODE 0x03
    call memory_init
    POST_CODE 0x04
    call vectors_init
    call apic_init
    push BDA_SEGMENT                    ; from here on DS is the BIOS data area
    pop ds
    POST_CODE 0x05
    mov al, 3
    call video_set_mode
    POST_CODE 0x06
    call keyboard_init
    call a20_on                         ; behind the 8042, which had its say
    POST_CODE 0x07
    call serial_init
    POST_CODE 0x08
    call clock_init
    POST_CODE 0x09
    call ata_init
    POST_CODE 0x0A
    call floppy_init
    POST_CODE 0x0B
    call banner
    mov al, PIC1_MASK
    out PIC1_DATA, al
    mov al, PIC2_MASK
    out PIC2_DATA, al
    sti
    POST_CODE 0x0C
    int 0x19

; A program that left protected mode through a processor reset wants to go on at 40:67.
post_resume_eoi:
    mov al, PIC_EOI
    out PIC1_COMMAND, al
post_resume:
    mov ax, BDA_SEGMENT
    mov ds, ax
    ljmp word ptr [BDA_RESET_VECTOR]

; IRQ 0, 1 and the cascade; 8 (clock), 12 (mouse), 13 (FPU), 14 and 15 (disks). The serial ports' stay
; masked: their driver opens them.
.equ PIC1_MASK,         0xF8
.equ PIC2_MASK,         0x0E

; The map that INT 15h reports is the one with A20 on.
a20_on:
    in al, PORT_92
    or al, PORT_92_A20
    and al, 0xFF - PORT_92_RESET
    out PORT_92, al
    ret

; Bring the chips into a known state. A warm start may find them in any.
chips_init:
    mov si, chip_table
chips_next:
    mov dx, cs:[si]
    test dx, dx
    jz chips_done
    mov al, cs:[si + 2]
    out dx, al
    add si, 3
    jmp chips_next
chips_done:
    mov al, RTC_C                       ; reading it drops a pending clock interrupt
    out CMOS_INDEX, al
    in al, CMOS_DATA
    fninit
    ret

.macro PORT_VALUE port, value
    .word \port
    .byte \value
.endm
chip_table:
    PORT_VALUE PIC1_COMMAND, PIC_ICW1_INIT
    PORT_VALUE PIC1_DATA, 0x08          ; IRQ 0-7 at INT 8
    PORT_VALUE PIC1_DATA, 0x04          ; slave on IRQ 2
    PORT_VALUE PIC1_DATA, PIC_ICW4_8086
    PORT_VALUE PIC1_DATA, 0xFF
    PORT_VALUE PIC2_COMMAND, PIC_ICW1_INIT
    PORT_VALUE PIC2_DATA, 0x70          ; IRQ 8-15 at INT 70h
    PORT_VALUE PIC2_DATA, 0x02
    PORT_VALUE PIC2_DATA, PIC_ICW4_8086
    PORT_VALUE PIC2_DATA, 0xFF
    PORT_VALUE PIT_CONTROL, 0x36        ; channel 0: square wave, count 65536: 18.2 Hz
    PORT_VALUE PIT_CHANNEL0, 0x00
    PORT_VALUE PIT_CHANNEL0, 0x00
    PORT_VALUE PIT_CONTROL, 0x54        ; channel 1: refresh request every 15 us
    PORT_VALUE PIT_CHANNEL1, 0x12
    PORT_VALUE PIT_CONTROL, 0xB6        ; channel 2: the speaker's tone, gate off
    PORT_VALUE PIT_CHANNEL2, 0x33
    PORT_VALUE PIT_CHANNEL2, 0x05
    PORT_VALUE PORT_B, 0x00
    PORT_VALUE CMOS_INDEX, RTC_A
    PORT_VALUE CMOS_DATA, RTC_A_REST
    PORT_VALUE CMOS_INDEX, RTC_B
    PORT_VALUE CMOS_DATA, RTC_B_REST
    PORT_VALUE FPU_CLEAR_BUSY, 0x00
    .word 0

; Clear the BIOS data areas, size the memory, fill in what does not depend on a device.
memory_init:
    push BDA_SEGMENT
    pop es
    push es
    pop ds
    mov bx, [BDA_RESET_FLAG]
    xor ax, ax
    xor di, di
    mov cx, 0x80
    rep stosw
    mov [BDA_RESET_FLAG], bx
    mov si, bda_table
    xor bx, bx
memory_next:
    mov bl, cs:[si]
    mov ax, cs:[si + 1]
    mov [bx], ax
    add si, 3
    cmp si, bda_table_end
    jb memory_next

    call base_memory_kib
    dec ax                              ; its last KiB is the extended data area
    mov [BDA_BASE_KIB], ax
    shl ax, 6
    mov [BDA_EBDA], ax
    mov es, ax
    xor di, di
    xor ax, ax
    mov cx, 512
    rep stosw
    mov byte ptr es:[EBDA_SIZE_KIB], 1

    fnstsw [BDA_RESET_VECTOR]           ; reads 0 after FNINIT when there is an FPU
    cmp byte ptr [BDA_RESET_VECTOR], 0
    jne memory_no_fpu
    or word ptr [BDA_EQUIPMENT], EQUIP_FPU
memory_no_fpu:
    mov word ptr [BDA_RESET_VECTOR], 0
    ret

.macro BDA_VALUE offset, value
    .byte \offset
    .word \value
.endm
bda_table:
    BDA_VALUE BDA_EQUIPMENT, EQUIP_COLOR_80
    BDA_VALUE BDA_KEY_HEAD, BDA_KEY_BUFFER
    BDA_VALUE BDA_KEY_TAIL, BDA_KEY_BUFFER
    BDA_VALUE BDA_KEY_START, BDA_KEY_BUFFER
    BDA_VALUE BDA_KEY_END, BDA_KEY_BUFFER + 32
    BDA_VALUE BDA_KEY_MODE, MODE_101_KEYS
    BDA_VALUE BDA_RESET_VECTOR, 0xFFFF
    BDA_VALUE BDA_LPT_TIMEOUT, 0x1414
    BDA_VALUE BDA_LPT_TIMEOUT + 2, 0x1414
    BDA_VALUE BDA_COM_TIMEOUT, 0x0101
    BDA_VALUE BDA_COM_TIMEOUT + 2, 0x0101
bda_table_end:
