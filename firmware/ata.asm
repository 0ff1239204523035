; Hard disks: finding them, and moving sectors by programmed I/O.
; Source: ATA/ATAPI-6 (T13/1410D): device signatures, IDENTIFY DEVICE, READ and WRITE SECTORS, the PIO
; data-in and data-out protocols.
; Left out: drives without LBA, packet devices, DMA, READ MULTIPLE, sectors that are not 512 bytes.

.equ ATA_POLLS_HIGH,    0x10            ; times 65536 status reads of at least a microsecond
.equ ATA_PROBE_A,       0x55
.equ ATA_PROBE_B,       0xAA
.equ ATA_ERROR_UNC,     0x40
.equ ATA_ERROR_IDNF,    0x10
.equ ATA_ERROR_ABRT,    0x04
.equ SECTOR_WORDS,      256

; Words of IDENTIFY DEVICE, as byte offsets
.equ ID_CYLINDERS,      1 * 2
.equ ID_HEADS,          3 * 2
.equ ID_SECTORS,        6 * 2
.equ ID_CAPABILITIES,   49 * 2
.equ ID_TOTAL_28,       60 * 2
.equ ID_COMMANDS_2,     83 * 2
.equ ID_TOTAL_48,       100 * 2
.equ ID_LBA,            0x0200          ; in the capabilities
.equ ID_LBA48,          0x0400          ; in the commands

; Find the drives of both channels; fill the table in the extended data area in BIOS order.
ata_init:
    mov fs, [BDA_EBDA]
    mov di, EBDA_DRIVES
    mov bx, ATA_PRIMARY
    call ata_channel
    mov bx, ATA_SECONDARY
    call ata_channel
    jmp disk_tables

; BX = command block of a channel. FS:DI = next free table entry. Changes all but BX, BP.
ata_channel:
    lea dx, [bx + ATA_CONTROL]
    mov al, ATA_NIEN
    out dx, al
    mov al, ATA_DEVICE_0
    call ata_device
    mov al, ATA_DEVICE_1
    call ata_device
    lea dx, [bx + ATA_CONTROL]          ; a driver that comes after us may count on interrupts
    mov al, ATA_IEN
    out dx, al
    ret

; AL = device register, BX = command block: enter the drive into the table if it is one.
ata_device:
    mov cl, al
    lea dx, [bx + ATA_DEVICE]
    out dx, al
    call ata_settle
    lea dx, [bx + ATA_STATUS]
    in al, dx
    cmp al, 0xFF                        ; nothing drives the bus
    je ata_no_device
    call ata_wait_idle
    jc ata_no_device
    lea dx, [bx + ATA_COUNT]            ; registers that keep what they are given
    mov al, ATA_PROBE_A
    out dx, al
    inc dx
    mov al, ATA_PROBE_B
    out dx, al
    in al, dx
    cmp al, ATA_PROBE_B
    jne ata_no_device
    dec dx
    in al, dx
    cmp al, ATA_PROBE_A
    jne ata_no_device

    lea dx, [bx + ATA_COMMAND]
    mov al, ATA_IDENTIFY
    out dx, al
    call ata_settle
    in al, dx
    test al, al
    jz ata_no_device
    call ata_wait_data
    jc ata_no_device                    ; a packet device refuses this command
    push di
    push cx
    xor ax, ax
    mov es, ax
    mov di, POST_SCRATCH
    mov cx, SECTOR_WORDS
    lea dx, [bx + ATA_DATA]
    rep insw
    pop cx
    pop di
    lea dx, [bx + ATA_STATUS]
    in al, dx                           ; drops the interrupt request
    mov si, POST_SCRATCH
    test word ptr es:[si + ID_CAPABILITIES], ID_LBA
    jz ata_no_device
    cmp di, EBDA_DRIVES + MAX_DRIVES * DRIVE_SIZE
    jae ata_no_device
    mov fs:[di + DRIVE_BASE], bx
    mov fs:[di + DRIVE_SELECT], cl
    call ata_capacity
    call disk_geometry
    add di, DRIVE_SIZE
    inc byte ptr [BDA_DISK_COUNT]
ata_no_device:
    ret

; ES:SI = what IDENTIFY said -> total and LBA48 of the table entry. Changes EAX, EDX.
ata_capacity:
    mov eax, es:[si + ID_TOTAL_28]
    xor edx, edx
    test word ptr es:[si + ID_COMMANDS_2], ID_LBA48
    jz ata_capacity_store
    mov ecx, es:[si + ID_TOTAL_48]
    mov edx, es:[si + ID_TOTAL_48 + 4]
    mov eax, ecx
    mov byte ptr fs:[di + DRIVE_LBA48], 1
ata_capacity_store:
    mov fs:[di + DRIVE_TOTAL], eax
    mov fs:[di + DRIVE_TOTAL + 4], edx
    ret

; What a drive may take until its status means something is 400 ns: less than one port read on this bus.
; BX = command block. Changes AL.
ata_settle:
    push dx
    lea dx, [bx + ATA_CONTROL]
    in al, dx
    pop dx
    ret

; Wait until the drive is not busy. BX = command block -> AL = status. Carry: it stays busy.
ata_wait_idle:
    push cx
    push dx
    push si
    lea dx, [bx + ATA_STATUS]
    mov si, ATA_POLLS_HIGH
    xor cx, cx
ata_wait_poll:
    in al, dx
    test al, ATA_BSY                    ; clears carry
    jz ata_wait_over
    loop ata_wait_poll
    dec si
    jnz ata_wait_poll
    stc
ata_wait_over:
    pop si
    pop dx
    pop cx
    ret

; Wait for data: not busy, no error, DRQ. Carry: AH = INT 13h status that says why not.
ata_wait_data:
    call ata_wait_idle
    mov ah, DISK_TIMEOUT
    jc ata_wait_failed
    test al, ATA_ERR | ATA_DF
    jnz ata_explain
    mov ah, DISK_CONTROLLER
    test al, ATA_DRQ
    jz ata_wait_failed
    ret                                 ; TEST cleared carry
ata_wait_failed:
    stc
    ret

; AL = status with an error -> AH = INT 13h status, carry
ata_explain:
    mov ah, DISK_CONTROLLER
    test al, ATA_DF
    jnz ata_wait_failed
    push dx
    lea dx, [bx + ATA_ERROR]
    in al, dx
    pop dx
    mov ah, DISK_BAD_SECTOR
    test al, ATA_ERROR_UNC
    jnz ata_wait_failed
    mov ah, DISK_NOT_FOUND
    test al, ATA_ERROR_IDNF
    jnz ata_wait_failed
    mov ah, DISK_BAD_COMMAND
    test al, ATA_ERROR_ABRT
    jnz ata_wait_failed
    mov ah, DISK_FAILED
    stc
    ret
