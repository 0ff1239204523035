; The clock chip's RAM, and what it says about memory.
; The memory cells past 30h/31h are QEMU's convention; IBM defined 15h-18h and 30h/31h.

.equ CMOS_SHUTDOWN,     0x0F
.equ CMOS_BASE_LOW,     0x15
.equ CMOS_EXTENDED_LOW, 0x30
.equ CMOS_ABOVE_16M,    0x34            ; u16: 64 KiB units from 16 MiB
.equ CMOS_BOOT_THIRD,   0x38
.equ CMOS_BOOT,         0x3D
.equ CMOS_CENTURY,      0x32
.equ CMOS_ABOVE_4G,     0x5B            ; u24: 64 KiB units from 4 GiB

; AL = cell number -> AL = its value. The index register is shared with INT 70h: no interrupt in between.
cmos_read:
    pushf
    cli
    out CMOS_INDEX, al
    in al, CMOS_DATA
    popf
    ret

; AL = cell number, AH = value to store
cmos_write:
    pushf
    cli
    out CMOS_INDEX, al
    xchg al, ah
    out CMOS_DATA, al
    xchg al, ah
    popf
    ret

; AL = number of the low cell -> AX = it and the next one
cmos_read_word:
    mov ah, al
    inc al
    call cmos_read
    xchg al, ah
    jmp cmos_read

; -> AX = base memory in KiB; a cell that makes no sense counts as 640
base_memory_kib:
    mov al, CMOS_BASE_LOW
    call cmos_read_word
    cmp ax, 640
    ja base_memory_default
    cmp ax, 128
    jae base_memory_done
base_memory_default:
    mov ax, 640
base_memory_done:
    ret

; -> EAX = end of the memory below 4 GiB in KiB; 1024 when there is none above 1 MiB
memory_top_kib:
    xor eax, eax
    mov al, CMOS_ABOVE_16M
    call cmos_read_word
    test ax, ax
    jz memory_top_small
    shl eax, 6
    add eax, 16384
    ret
memory_top_small:
    mov al, CMOS_EXTENDED_LOW
    call cmos_read_word
    add eax, 1024
    ret

; -> EAX = memory above 4 GiB in KiB
memory_high_kib:
    xor eax, eax
    mov al, CMOS_ABOVE_4G + 2
    call cmos_read
    shl eax, 16
    mov al, CMOS_ABOVE_4G
    call cmos_read_word
    shl eax, 6
    ret
