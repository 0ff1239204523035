; INT 13h: disks. Dispatch, status, cylinder/head/sector requests and geometry. floppy.asm and ata_io.asm
; move the sectors, edd.asm has the functions from 41h on.
; Source: IBM BIOS Interface Technical Reference, INT 13h.
; Left out: 06h, 07h, 0Ah, 0Bh, 0Eh, 0Fh, 12h, 13h (drive formatting, long sectors, controller tests).
;
; A function ends with a jump: to disk_end with AH = status, or to disk_return with the frame complete.

int13:
    ENTER_SERVICE
    push fs
    sub sp, L_SIZE
    mov fs, [BDA_EBDA]
    mov word ptr [bp + L_DONE], 0
    sti
    mov di, floppy_functions
    mov si, floppy_functions_end
    test dl, 0x80
    jz disk_find
    mov di, disk_functions
    mov si, disk_functions_end
    mov bl, dl
    and bl, 0x7F
    cmp bl, [BDA_DISK_COUNT]
    jae disk_no_such_drive
    mov al, DRIVE_SIZE
    mul bl
    add ax, EBDA_DRIVES
    mov [bp + L_DRIVE], ax
disk_find:
    mov ah, [bp + R_AH]
disk_find_next:
    cmp ah, cs:[di]
    je disk_found
    add di, 3
    cmp di, si
    jb disk_find_next
disk_refuse:
    mov ah, DISK_BAD_COMMAND
    jmp disk_end
disk_found:
    mov al, [bp + R_AL]
    mov bl, [bp + R_BL]
    jmp word ptr cs:[di + 1]
disk_no_such_drive:
    cmp byte ptr [bp + R_AH], 0x15
    jne disk_refuse
    jmp disk_type_none

; AH = status: note it, answer with it.
disk_end:
    mov [bp + R_AH], ah
    mov bx, BDA_FLOPPY_STATUS
    test byte ptr [bp + R_DL], 0x80
    jz disk_end_store
    mov bx, BDA_DISK_STATUS
disk_end_store:
    mov [bx], ah
disk_end_carry:
    RETURN_NO_CARRY
    test ah, ah
    jz disk_return
    RETURN_CARRY
disk_return:
    lea sp, [bp + L_FS]
    pop fs
    LEAVE_SERVICE

; The same, for functions that were given DL and change it
disk_end_good:
    mov byte ptr [bp + R_AH], DISK_OK
    mov byte ptr [bx], DISK_OK
    RETURN_NO_CARRY
    jmp disk_return

floppy_functions:
    SERVICE 0x02, floppy_transfer
    SERVICE 0x03, floppy_transfer
    SERVICE 0x04, floppy_transfer
    SERVICE 0x00, floppy_reset
    SERVICE 0x01, floppy_status
    SERVICE 0x05, floppy_format
    SERVICE 0x08, floppy_geometry
    SERVICE 0x15, floppy_type
    SERVICE 0x16, floppy_changed
    SERVICE 0x17, floppy_changed
    SERVICE 0x18, floppy_media
floppy_functions_end:

disk_functions:
    SERVICE 0x42, edd_transfer
    SERVICE 0x02, disk_transfer
    SERVICE 0x03, disk_transfer
    SERVICE 0x43, edd_transfer
    SERVICE 0x00, disk_reset
    SERVICE 0x01, disk_status
    SERVICE 0x04, disk_transfer
    SERVICE 0x08, disk_show_geometry
    SERVICE 0x09, disk_good             ; initialise drive pair
    SERVICE 0x0C, disk_seek
    SERVICE 0x0D, disk_reset
    SERVICE 0x10, disk_ready
    SERVICE 0x11, disk_good             ; recalibrate
    SERVICE 0x14, disk_good             ; controller diagnostic
    SERVICE 0x15, disk_type
    SERVICE 0x41, edd_present
    SERVICE 0x44, edd_transfer
    SERVICE 0x47, edd_transfer
    SERVICE 0x48, edd_parameters
disk_functions_end:

disk_good:
    mov ah, DISK_OK
    jmp disk_end

; 01h -> AH = status of the last request
disk_status:
    mov ah, [BDA_DISK_STATUS]
disk_show_status:
    mov [bp + R_AH], ah
    jmp disk_end_carry

; 02h, 03h, 04h: AL = sectors, CX and DH = first one, ES:BX = buffer -> AL = sectors moved
disk_transfer:
    call disk_request
    jc disk_end
    call ata_transfer
    mov al, [bp + L_DONE]
    mov [bp + R_AL], al
    jmp disk_end

; 0Ch CX, DH: a seek only checks
disk_seek:
    mov al, 1
    call disk_request
    jc disk_end
    jmp disk_good

; AL, CX, DH and the frame -> the locals of a hard disk's request. Carry: AH = status.
disk_request:
    mov si, [bp + L_DRIVE]
    mov di, fs:[si + DRIVE_HEADS]
    mov bx, fs:[si + DRIVE_CYLINDERS]
    mov si, fs:[si + DRIVE_SECTORS]
    ; fall through

; AL = count, CX and DH = place, BX, DI, SI = cylinders, heads, sectors there are; buffer and operation
; from the frame -> locals. Carry: AH = status. Changes EAX, ECX, EDX.
chs_request:
    mov ah, 0
    mov [bp + L_COUNT], ax
    test ax, ax
    jz chs_refuse
    mov ax, [bp + R_BX]
    mov [bp + L_OFFSET], ax
    mov ax, [bp + R_ES]
    mov [bp + L_SEGMENT], ax
    mov al, [bp + R_AH]
    sub al, 2
    mov [bp + L_OPERATION], al

    movzx eax, cl                       ; cylinder: CH, and bits 9-8 on top of CL
    and al, 0xC0
    shl ax, 2
    mov al, ch
    cmp ax, bx
    jae chs_beyond
    and ecx, 0x3F                       ; sector, from 1
    jz chs_refuse
    cmp cx, si
    ja chs_beyond
    movzx edx, dh                       ; head
    cmp dx, di
    jae chs_beyond
    movzx edi, di
    imul eax, edi                       ; (cylinder * heads + head) * sectors + sector - 1
    add eax, edx
    movzx edx, si
    imul eax, edx
    add eax, ecx
    dec eax
    mov [bp + L_LBA], eax
    mov dword ptr [bp + L_LBA + 4], 0
    clc
    ret
chs_refuse:
    mov ah, DISK_BAD_COMMAND
    stc
    ret
chs_beyond:
    mov ah, DISK_NOT_FOUND
    stc
    ret

; 08h -> CX, DH = last cylinder, sector, head; DL = disks
disk_show_geometry:
    mov si, [bp + L_DRIVE]
    mov bx, fs:[si + DRIVE_CYLINDERS]
    mov cl, fs:[si + DRIVE_SECTORS]
    mov dh, fs:[si + DRIVE_HEADS]
    mov dl, [BDA_DISK_COUNT]
    call show_geometry
    mov bx, BDA_DISK_STATUS
    jmp disk_end_good

; BX, CL, DH = cylinders, sectors, heads, DL = drives: into the frame as 08h packs them
show_geometry:
    dec bx
    dec dh
    mov ch, bl
    shl bh, 6
    or cl, bh
    mov [bp + R_CX], cx
    mov [bp + R_DX], dx
    mov byte ptr [bp + R_AL], 0
    ret

; 10h: is it ready?
disk_ready:
    call disk_base
    call ata_wait_idle
    mov ah, DISK_OK
    jnc disk_end
    mov ah, DISK_TIMEOUT
    jmp disk_end

disk_base:
    mov si, [bp + L_DRIVE]
    mov bx, fs:[si + DRIVE_BASE]
    ret

; 00h, 0Dh: a reset of the channel, if a drive on it hangs; the healthy are left alone
disk_reset:
    call disk_base
    lea dx, [bx + ATA_STATUS]
    in al, dx
    test al, ATA_BSY | ATA_DRQ
    jz disk_good
    lea dx, [bx + ATA_CONTROL]
    mov al, ATA_SRST
    out dx, al
    mov cx, 1
    call wait_refresh                   ; 5 us at least
    mov al, ATA_IEN
    out dx, al
    call ata_wait_idle
    mov ah, DISK_OK
    jnc disk_end
    mov ah, DISK_TIMEOUT
    jmp disk_end

; 15h -> AH = 3: hard disk, CX:DX = its sectors
disk_type:
    mov si, [bp + L_DRIVE]
    mov eax, fs:[si + DRIVE_TOTAL]
    cmp dword ptr fs:[si + DRIVE_TOTAL + 4], 0
    je disk_type_small
    mov eax, 0xFFFFFFFF
disk_type_small:
    mov [bp + R_DX], ax
    shr eax, 16
    mov [bp + R_CX], ax
    mov byte ptr [bp + R_AH], 3
    RETURN_NO_CARRY
    jmp disk_return
disk_type_none:
    mov byte ptr [bp + R_AH], 0
    mov word ptr [bp + R_CX], 0
    mov word ptr [bp + R_DX], 0
    RETURN_NO_CARRY
    jmp disk_return

; The place for one more sector: ES:DI or DS:SI cannot wrap inside it. Carry: there is none.
; -> AX:DI. A buffer may cross 64 KiB: the segment moves along, unless it is at its end already.
buffer_place:
    mov ax, [bp + L_SEGMENT]
    mov di, [bp + L_OFFSET]
    test di, di
    jns buffer_fits
    add ax, 0x0800
    jc buffer_last
    and di, 0x7FFF
    mov [bp + L_SEGMENT], ax
    mov [bp + L_OFFSET], di
buffer_fits:
    clc
    ret
buffer_last:
    mov ax, [bp + L_SEGMENT]
    cmp di, 0x10000 - SECTOR_BYTES + 1
    cmc
    ret

; A sector was moved.
buffer_advance:
    add word ptr [bp + L_OFFSET], SECTOR_BYTES
    inc word ptr [bp + L_DONE]
    ret
