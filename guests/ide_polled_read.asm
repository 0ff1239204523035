; Reads the disk without interrupts: IDENTIFY DEVICE, then READ SECTORS with a word loop on the data
; port.
;
; Machine: this image as first drive of the primary IDE channel, COM1.
; Success: all sectors hold the pattern they should, a read past the end is refused, exit code 0.

.include "boot.inc"

.equ SECTORS,   8
.equ BUFFER,    0x1000

    ; nIEN keeps the drive from pulling IRQ 14: whoever polls needs no interrupt.
    mov dx, IDE_CONTROL
    mov al, NO_INTERRUPT
    out dx, al

    ; Words 60 and 61 of the identification are the number of sectors.
    mov al, IDENTIFY_DEVICE
    xor edx, edx
    call ide_start
    call ide_wait_data
    jc no_drive
    mov di, BUFFER
    mov cx, 256
    call ide_read_words
    mov eax, [BUFFER + 60 * 2]
    mov [sectors], eax
    PRINT "sectors: "
    call print_decimal
    PRINT "\r\n"

    ; One command, eight sectors: the drive has each ready when BSY falls and DRQ stands.
    LBA edx, pattern
    mov al, READ_SECTORS
    mov ah, SECTORS
    call ide_start
    xor bx, bx
read_sector:
    call ide_wait_data
    jc failed
    mov di, BUFFER
    mov cx, 256
    call ide_read_words
    mov di, BUFFER
    mov ax, bx
    call check_pattern
    jc wrong
    inc bx
    cmp bx, SECTORS
    jb read_sector

    ; Nothing may be left over.
    call ide_wait
    test al, IDE_DRQ | IDE_ERR
    jnz failed
    PRINT "pattern: ok\r\n"

    ; The first sector behind the last one does not exist.
    mov edx, [sectors]
    mov al, READ_SECTORS
    mov ah, 1
    call ide_start
    call ide_wait
    test al, IDE_ERR
    jz failed
    PRINT "past the end: refused\r\n"
    EXIT 0

no_drive:
    PRINT "no drive\r\n"
    EXIT 1
failed:
    PRINT "the drive reports status "
    call print_byte
    EXIT 2
wrong:
    PRINT "wrong data in sector "
    mov al, bl
    call print_byte
    EXIT 3

.align 4
sectors:
    .long 0

.include "ide.inc"
.include "print16.inc"
IMAGE_END
PATTERN SECTORS
