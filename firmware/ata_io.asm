; Sectors of a hard disk, from the locals of INT 13h (disk.inc). ATA/ATAPI-6 as in ata.asm.

; -> AH = INT 13h status, L_DONE = sectors moved. Changes all but BP, DS, FS.
ata_transfer:
    mov si, [bp + L_DRIVE]
    mov bx, fs:[si + DRIVE_BASE]
    movzx eax, word ptr [bp + L_COUNT]
    xor edx, edx
    add eax, [bp + L_LBA]
    adc edx, [bp + L_LBA + 4]
    jc ata_beyond
    cmp edx, fs:[si + DRIVE_TOTAL + 4]
    ja ata_beyond
    jb ata_inside
    cmp eax, fs:[si + DRIVE_TOTAL]
    ja ata_beyond
ata_inside:
    lea dx, [bx + ATA_CONTROL]          ; we poll: no interrupt that nobody waits for
    mov al, ATA_NIEN
    out dx, al
    call ata_commands
    push ax
    lea dx, [bx + ATA_CONTROL]
    mov al, ATA_IEN
    out dx, al
    pop ax
    ret
ata_beyond:
    mov ah, DISK_NOT_FOUND
    ret

; One command for every 256 sectors -> AH
ata_commands:
    mov cx, [bp + L_COUNT]
    mov ah, DISK_OK
    jcxz ata_commands_done
    cmp cx, 256
    jbe ata_commands_chunk
    mov cx, 256
ata_commands_chunk:
    mov [bp + L_CHUNK], cx
    call ata_issue
    jc ata_commands_done
    movzx di, byte ptr [bp + L_OPERATION]
    shl di, 1
    call word ptr cs:[di + ata_movers]
    jc ata_commands_done
    movzx eax, word ptr [bp + L_CHUNK]
    sub [bp + L_COUNT], ax
    add [bp + L_LBA], eax
    adc dword ptr [bp + L_LBA + 4], 0
    jmp ata_commands
ata_commands_done:
    ret

ata_movers:
    .word ata_read_sectors, ata_write_sectors, ata_verify_sectors
ata_short_commands:
    .byte ATA_READ, ATA_WRITE, ATA_VERIFY
ata_long_commands:
    .byte ATA_READ_EXT, ATA_WRITE_EXT, ATA_VERIFY_EXT

; Start the command for L_CHUNK sectors at L_LBA. Carry: AH = status.
; 28-bit commands where they reach: they are the ones that every drive knows. Their capacity, words 60
; and 61 of IDENTIFY, never exceeds FFFFFFFh.
ata_issue:
    mov eax, [bp + L_LBA]
    mov edx, [bp + L_LBA + 4]
    movzx ecx, word ptr [bp + L_CHUNK]
    add ecx, eax
    adc edx, 0
    jnz ata_issue_long
    cmp ecx, 0x0FFFFFFF
    ja ata_issue_long
    shr eax, 24
    or al, fs:[si + DRIVE_SELECT]
    call ata_select
    jc ata_issue_failed
    mov di, ata_short_commands
    jmp ata_issue_low
ata_issue_long:
    mov al, fs:[si + DRIVE_SELECT]
    call ata_select
    jc ata_issue_failed
    mov di, ata_long_commands
    lea dx, [bx + ATA_COUNT]            ; the high halves go first
    mov al, [bp + L_CHUNK + 1]
    out dx, al
    inc dx
    mov al, [bp + L_LBA + 3]
    out dx, al
    inc dx
    mov al, [bp + L_LBA + 4]
    out dx, al
    inc dx
    mov al, [bp + L_LBA + 5]
    out dx, al
ata_issue_low:
    lea dx, [bx + ATA_COUNT]
    mov al, [bp + L_CHUNK]              ; 0 means 256
    out dx, al
    inc dx
    mov al, [bp + L_LBA]
    out dx, al
    inc dx
    mov al, [bp + L_LBA + 1]
    out dx, al
    inc dx
    mov al, [bp + L_LBA + 2]
    out dx, al
    movzx ax, byte ptr [bp + L_OPERATION]
    add di, ax
    lea dx, [bx + ATA_COMMAND]
    mov al, cs:[di]
    out dx, al
    call ata_settle
    clc
    ret
ata_issue_failed:
    mov ah, DISK_TIMEOUT
    ret

; AL = device register: select the drive, wait until it listens. Carry: it does not.
ata_select:
    push ax
    call ata_wait_idle                  ; the other drive may still be at work
    pop ax
    jc ata_select_done
    lea dx, [bx + ATA_DEVICE]
    out dx, al
    call ata_settle
    call ata_wait_idle
ata_select_done:
    ret

; The data phases: BX = command block, SI = table entry, both kept. Carry: AH = status.
ata_read_sectors:
    mov cx, [bp + L_CHUNK]
ata_read_next:
    call ata_wait_data
    jc ata_read_done
    call buffer_place
    jc ata_no_room
    push cx
    mov es, ax
    mov cx, SECTOR_WORDS
    lea dx, [bx + ATA_DATA]
    rep insw
    pop cx
    call buffer_advance
    loop ata_read_next
    clc
ata_read_done:
    ret

ata_write_sectors:
    mov cx, [bp + L_CHUNK]
ata_write_next:
    call ata_wait_data
    jc ata_write_done
    call buffer_place
    jc ata_no_room
    push cx
    push si
    push ds
    mov ds, ax
    mov si, di
    mov cx, SECTOR_WORDS
    lea dx, [bx + ATA_DATA]
    rep outsw
    pop ds
    pop si
    pop cx
    call buffer_advance
    loop ata_write_next
    jmp ata_finish
ata_write_done:
    ret

ata_verify_sectors:
    call ata_finish
    jc ata_verify_done
    mov ax, [bp + L_CHUNK]
    add [bp + L_DONE], ax
    clc
ata_verify_done:
    ret

; The drive's last word on a command
ata_finish:
    call ata_wait_idle
    mov ah, DISK_TIMEOUT
    jc ata_finish_done
    test al, ATA_ERR | ATA_DF           ; clears carry
    jnz ata_explain
ata_finish_done:
    ret

ata_no_room:
    mov ah, DISK_BOUNDARY               ; the drive keeps its data; the next reset of it throws them away
    stc
    ret
