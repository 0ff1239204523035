; Drives the disk as a bus master: finds the IDE interface on the PCI bus, lets it read and write
; memory by a table of regions, and is interrupted once a command.
;
; Machine: this image as first drive of the primary IDE channel behind a PIIX-like interface, COM1.
; Success: the pattern read by one region, by two and by more than it takes, what was written read
; back, and one interrupt a command with the state that the data sheet names for its end; exit code 0.

.include "boot.inc"
.include "irq16.inc"

.equ READ_DMA,      0xC8
.equ WRITE_DMA,     0xCA
.equ SET_FEATURES,  0xEF
.equ SET_TRANSFER,  0x03
.equ MULTIWORD_2,   0x22

.equ IDE_CLASS,     0x01018000      ; mass storage, IDE, can master the bus
.equ IDE_CLASS_MASK, 0xFFFF8000

; Bus master registers of the primary channel, from BAR 4 on (SFF-8038i).
.equ BM_COMMAND,    0
.equ BM_STATUS,     2
.equ BM_TABLE,      4
.equ BM_START,      0x01
.equ BM_TO_MEMORY,  0x08
.equ BM_ACTIVE,     0x01
.equ BM_ERROR,      0x02
.equ BM_INTERRUPT,  0x04
.equ LAST_REGION,   0x8000

.equ SECTORS,       16
.equ BUFFER,        0x1000          ; 16 sectors
.equ FIRST_PART,    0x3000          ; three sectors of a second read
.equ SECOND_PART,   0x3800          ; and the other 13

    mov ebx, IDE_CLASS
    mov ecx, IDE_CLASS_MASK
    call pci_find_class
    jc no_interface
    PRINT "interface: "
    mov eax, ebx                    ; PCI_ID is register 0
    call pci_read
    push eax
    call print_word                 ; the vendor
    PRINT ":"
    pop eax
    shr eax, 16
    call print_word
    PRINT "\r\n"

    lea eax, [ebx + PCI_COMMAND]
    call pci_read
    mov ecx, eax
    or ecx, PCI_IO_ENABLE | PCI_BUS_MASTER
    and ecx, 0xFFFF                 ; the status behind it is cleared by writing 1
    lea eax, [ebx + PCI_COMMAND]
    call pci_write
    lea eax, [ebx + PCI_BAR4]
    call pci_read
    test al, 1                      ; ports, not memory
    jz no_interface
    and ax, 0xFFF0
    jz no_interface
    mov [bus_master], ax

    ; Only the drive may interrupt, through line 2 of the master.
    cli
    SET_VECTOR VECTOR_IDE, ide_irq
    SET_MASKS 0xFB, 0xBF
    mov dx, IDE_CONTROL
    xor al, al                      ; nIEN clear: interrupts on
    out dx, al
    sti

    call set_transfer_mode

    ; One region for all of it.
    mov si, whole
    LBA edx, pattern
    mov al, READ_DMA
    mov bl, BM_TO_MEMORY
    call transfer
    mov di, BUFFER
    xor ax, ax
    mov cx, SECTORS
    call check_sectors
    PRINT "one region: ok\r\n"

    ; Two regions of different sizes, neither of them at the other's end.
    mov si, parts
    LBA edx, pattern
    mov al, READ_DMA
    mov bl, BM_TO_MEMORY
    call transfer
    mov di, FIRST_PART
    xor ax, ax
    mov cx, 3
    call check_sectors
    mov di, SECOND_PART
    mov cx, SECTORS - 3
    call check_sectors
    PRINT "two regions: ok\r\n"

    ; More room than the transfer takes: the drive is done, the bus master would go on.
    call clear_buffer
    mov byte ptr [good_end], BM_INTERRUPT | BM_ACTIVE
    mov si, larger
    LBA edx, pattern
    mov al, READ_DMA
    mov bl, BM_TO_MEMORY
    call transfer
    mov byte ptr [good_end], BM_INTERRUPT
    mov di, BUFFER
    xor ax, ax
    mov cx, SECTORS
    call check_sectors
    PRINT "larger regions: ok\r\n"

    ; Out again from the two regions, to other sectors, and back into cleared memory.
    mov si, parts
    LBA edx, scratch
    mov al, WRITE_DMA
    xor bl, bl
    call transfer
    call clear_buffer
    mov si, whole
    LBA edx, scratch
    mov al, READ_DMA
    mov bl, BM_TO_MEMORY
    call transfer
    mov di, BUFFER
    xor ax, ax
    mov cx, SECTORS
    call check_sectors
    PRINT "written and read back: ok\r\n"

    mov ax, [irqs]
    PRINT "interrupts: "
    call print_decimal
    PRINT "\r\n"
    cmp ax, 6
    jne wrong_count
    EXIT 0

; Tell the drive to use multiword DMA mode 2; a command without data interrupts when it is done.
set_transfer_mode:
    mov dx, IDE_ERROR               ; the features register when written
    mov al, SET_TRANSFER
    out dx, al
    mov al, SET_FEATURES
    mov ah, MULTIWORD_2
    xor edx, edx
    call ide_start
    call wait_irq
    test al, IDE_ERR
    jnz failed
    mov dx, [bus_master]
    add dx, BM_STATUS
    mov al, BM_INTERRUPT
    out dx, al
    ret

; Command AL for SECTORS sectors from EDX on, with the table of regions at SI and the direction BL.
transfer:
    push edx
    push ax
    mov dx, [bus_master]
    add dx, BM_TABLE
    movzx eax, si
    out dx, eax
    mov dx, [bus_master]
    mov al, bl
    out dx, al                      ; the direction; not started yet
    add dx, BM_STATUS
    mov al, BM_ERROR | BM_INTERRUPT
    out dx, al                      ; what an earlier command left
    pop ax
    pop edx
    mov ah, SECTORS
    call ide_start
    mov dx, [bus_master]
    mov al, bl
    or al, BM_START
    out dx, al
    call wait_irq
    mov bh, al                      ; the drive's status
    mov dx, [bus_master]
    add dx, BM_STATUS
    in al, dx
    mov ah, al
    sub dx, BM_STATUS
    mov al, bl
    out dx, al                      ; stop
    and ah, BM_ACTIVE | BM_ERROR | BM_INTERRUPT
    cmp ah, [good_end]
    jne wrong_end
    mov al, bh
    test al, IDE_ERR | IDE_DRQ
    jnz failed
    ret

clear_buffer:
    mov di, BUFFER
    mov cx, SECTORS * 256
    xor ax, ax
    rep stosw
    ret

; CX sectors at ES:DI are the pattern's from number AX on. Leaves AX at the next number.
check_sectors:
    call check_pattern
    jc wrong
    add di, 512
    inc ax
    loop check_sectors
    ret

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

no_interface:
    PRINT "no IDE interface that masters the bus\r\n"
    EXIT 1
failed:
    PRINT "the drive reports status "
    call print_byte
    EXIT 2
wrong:
    PRINT "wrong data in sector "
    call print_byte
    EXIT 3
wrong_count:
    PRINT "not one interrupt a command\r\n"
    EXIT 4
wrong_end:
    PRINT "the bus master reports status "
    mov al, ah
    call print_byte
    EXIT 5

bus_master:
    .word 0
pending:
    .byte 0
status:
    .byte 0
good_end:
    .byte BM_INTERRUPT              ; the regions end where the transfer does
irqs:
    .word 0

; Tables of regions: address, size in bytes, and whether it is the last.
.align 4, 0
whole:
    .long BUFFER
    .word SECTORS * 512, LAST_REGION
parts:
    .long FIRST_PART
    .word 3 * 512, 0
    .long SECOND_PART
    .word (SECTORS - 3) * 512, LAST_REGION
larger:
    .long BUFFER
    .word SECTORS * 512, 0
    .long FIRST_PART
    .word 512, LAST_REGION

.include "ide.inc"
.include "pci.inc"
.include "print16.inc"
IMAGE_END
PATTERN SECTORS
scratch:
    .fill SECTORS * 512, 1, 0
