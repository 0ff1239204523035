; Reads the disk by interrupts: READ MULTIPLE moves four sectors for each IRQ 14.
;
; Machine: this image as first drive of the primary IDE channel, COM1.
; Success: 16 sectors of the pattern in exactly four interrupts, exit code 0.

.include "boot.inc"
.include "irq16.inc"

.equ SECTORS,   16
.equ BLOCK,     4
.equ BUFFER,    0x1000

    ; Only the drive may interrupt, through line 2 of the master.
    cli
    SET_VECTOR VECTOR_IDE, ide_irq
    SET_MASKS 0xFB, 0xBF
    mov dx, IDE_CONTROL
    xor al, al                          ; nIEN clear: interrupts on
    out dx, al
    sti

    ; The block size is a setting of the drive; a command without data interrupts when it is done.
    mov al, SET_MULTIPLE
    mov ah, BLOCK
    xor edx, edx
    call ide_start
    call wait_irq
    test al, IDE_ERR
    jnz failed

    mov word ptr [irqs], 0
    LBA edx, pattern
    mov al, READ_MULTIPLE
    mov ah, SECTORS
    call ide_start
    xor bx, bx
read_block:
    call wait_irq
    and al, IDE_ERR | IDE_DRQ
    cmp al, IDE_DRQ
    jne failed
    mov di, BUFFER
    mov cx, BLOCK * 256
    call ide_read_words
    mov di, BUFFER
    mov cx, BLOCK
check_sector:
    mov ax, bx
    call check_pattern
    jc wrong
    add di, 512
    inc bx
    loop check_sector
    cmp bx, SECTORS
    jb read_block

    mov ax, [irqs]
    PRINT "interrupts: "
    call print_decimal
    PRINT "\r\n"
    cmp ax, SECTORS / BLOCK
    jne wrong_count
    PRINT "pattern: ok\r\n"
    EXIT 0

; Sleep until the drive has interrupted: AL = the status its handler read.
wait_irq:
    cli
    cmp byte ptr [pending], 0
    jne .come
    sti
    hlt
    jmp wait_irq
.come:
    mov byte ptr [pending], 0
    mov al, [status]
    sti
    ret

; IRQ 14. Reading the status register is what makes the drive let go of the line.
ide_irq:
    push ax
    push dx
    mov dx, IDE_STATUS
    in al, dx
    mov [status], al
    mov byte ptr [pending], 1
    inc word ptr [irqs]
    EOI_SLAVE
    pop dx
    pop ax
    iret

failed:
    PRINT "the drive reports status "
    call print_byte
    EXIT 2
wrong:
    PRINT "wrong data in sector "
    mov al, bl
    call print_byte
    EXIT 3
wrong_count:
    PRINT "not one interrupt a block\r\n"
    EXIT 4

pending:
    .byte 0
status:
    .byte 0
irqs:
    .word 0

.include "ide.inc"
.include "print16.inc"
IMAGE_END
PATTERN SECTORS
