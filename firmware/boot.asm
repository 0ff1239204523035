; From POST to the boot sector: the banner, INT 18h, INT 19h.
; Sources: IBM BIOS Interface Technical Reference, INT 18h, 19h; boot order: QEMU's convention for the
; clock chip's cells 3Dh and 38h.

.equ BOOT_FLOPPY,       1
.equ BOOT_DISK,         2
.equ BOOT_DEFAULT,      0x0021          ; nibbles, first one lowest: floppy, then disk
.equ BOOT_SIGNATURE,    0xAA55
.equ BOOT_TRIES,        3

banner_name:
    .asciz "hv BIOS "
banner_memory:
    .asciz " MiB\r\n"
version:
    .asciz "1.0  "
boot_none:
    .asciz "\r\nNo bootable device\r\n"

; "hv BIOS 1.0  64 MiB"
banner:
    mov si, banner_name
    call print
    mov si, version
    call print
    call memory_high_kib
    push eax
    call memory_top_kib
    pop edx
    add eax, edx
    shr eax, 10
    call print_decimal
    mov si, banner_memory
    jmp print

; INT 19h: try the drives in order, run the first boot sector found with DL = its drive.
int19:
    cli
    cld
    xor ax, ax
    mov ss, ax
    mov sp, BOOT_OFFSET
    push BDA_SEGMENT
    pop ds
    sti
    mov al, CMOS_BOOT_THIRD
    call cmos_read
    shr al, 4
    mov bl, al
    mov al, CMOS_BOOT
    call cmos_read
    mov ah, bl                          ; AX = nibbles in the order of trying
    test ax, ax
    jnz boot_next
    mov ax, BOOT_DEFAULT
boot_next:
    mov bx, ax
    and bl, 0x0F
    push ax
    mov dl, 0x80
    cmp bl, BOOT_DISK
    je boot_try
    mov dl, 0
    cmp bl, BOOT_FLOPPY
    jne boot_skip                       ; other kinds are not ours to boot from
boot_try:
    call boot_from
boot_skip:
    pop ax
    shr ax, 4
    jnz boot_next
    int 0x18

; DL = drive. Returns only if there is nothing to boot from.
boot_from:
    mov si, BOOT_TRIES                  ; a floppy drive may have to be told twice
boot_read:
    xor ax, ax
    mov es, ax
    mov bx, BOOT_OFFSET
    mov cx, 0x0001
    mov dh, 0
    mov ax, 0x0201
    int 0x13
    jnc boot_check
    mov ah, 0
    int 0x13
    dec si
    jnz boot_read
    ret
boot_check:
    cmp word ptr es:[BOOT_OFFSET + 510], BOOT_SIGNATURE
    jne boot_refused
    POST_CODE 0x0D
    xor ax, ax                          ; the same registers for every run
    mov ds, ax
    mov fs, ax
    mov gs, ax
    mov sp, BOOT_OFFSET
    mov bx, ax
    mov cx, ax
    mov si, ax
    mov di, ax
    mov bp, ax
    mov dh, al
    ljmp 0:BOOT_OFFSET
boot_refused:
    ret

; INT 18h: nothing to boot. Interrupts stay on: Ctrl-Alt-Del still works.
int18:
    cld
    push BDA_SEGMENT
    pop ds
    POST_CODE 0xEE
    mov si, boot_none
    call print
boot_halt:
    sti
    hlt
    jmp boot_halt
