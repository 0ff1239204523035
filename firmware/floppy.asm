; Floppy drives behind the firmware's door (README.md): INT 13h with DL below 80h.
; Sources: IBM BIOS Interface Technical Reference, INT 13h and the diskette parameter table (INT 1Eh).
; Left out: the NEC 765's tracks: a request runs over the end of a track or cylinder to the next.

.equ DOOR_STATUSES,     6
.equ FORMAT_FILL,       0xF6

; Count the drives; the equipment word and INT 13h/08h tell it.
floppy_init:
    mov dx, FLOPPY_COMMAND
    in al, dx
    cmp al, FLOPPY_NO_DOOR
    je floppy_init_done
    mov bl, 0
    call floppy_has_drive
    jz floppy_init_done
    or word ptr [BDA_EQUIPMENT], EQUIP_FLOPPY
    mov bl, 1
    call floppy_has_drive
    jz floppy_init_done
    or word ptr [BDA_EQUIPMENT], 0x0040 ; one more
floppy_init_done:
    ret

; BL = drive -> zero flag: it does not exist. AL = its type. Changes DX.
floppy_has_drive:
    mov dx, FLOPPY_DRIVE
    mov al, bl
    out dx, al
    mov dx, FLOPPY_TYPE
    in al, dx
    test al, al
    ret

; -> AL = number of drives
floppy_count:
    mov ax, [BDA_EQUIPMENT]
    test al, EQUIP_FLOPPY
    jz floppy_count_none
    shr al, 6
    inc ax
    ret
floppy_count_none:
    mov al, 0
    ret

; Select the caller's drive and look at its medium -> BX, DI, SI = cylinders, heads, sectors. Carry: AH =
; status. Keeps CX; changes AX, DX.
floppy_select:
    call floppy_count
    cmp [bp + R_DL], al
    jae floppy_absent
    mov al, [bp + R_DL]
    mov dx, FLOPPY_DRIVE
    out dx, al
    mov al, FLOPPY_CMD_INFO
    call floppy_command
    jc floppy_select_done
    call floppy_shape
    clc
floppy_select_done:
    ret
floppy_absent:
    mov ah, DISK_TIMEOUT
    stc
    ret

; -> BX, DI, SI = cylinders, heads, sectors a track of the selected drive. Changes AX, DX.
floppy_shape:
    xor ax, ax
    mov dx, FLOPPY_CYLINDERS
    in al, dx
    mov bx, ax
    inc dx
    in al, dx
    mov di, ax
    inc dx
    in al, dx
    mov si, ax
    ret

; AL = command for the door. Carry: AH = INT 13h status. Changes AX, DX.
floppy_command:
    mov dx, FLOPPY_COMMAND
    out dx, al
floppy_result:
    mov dx, FLOPPY_COMMAND
    in al, dx
    cmp al, DOOR_STATUSES
    jae floppy_unknown
    push bx
    movzx bx, al
    mov ah, cs:[bx + floppy_statuses]
    pop bx
    cmp ah, 1                           ; carry for status 0 ...
    cmc                                 ; ... means the opposite
    ret
floppy_unknown:
    mov ah, DISK_CONTROLLER
    stc
    ret

; By the door's statuses: ok, no medium, out of range, protected, medium error, bad command
floppy_statuses:
    .byte DISK_OK, DISK_TIMEOUT, DISK_NOT_FOUND, DISK_PROTECTED, DISK_BAD_SECTOR, DISK_CONTROLLER

; 00h
floppy_reset:
    call floppy_count
    cmp [bp + R_DL], al
    jb disk_good
    mov ah, DISK_TIMEOUT
    jmp disk_end

; 01h -> AH
floppy_status:
    mov ah, [BDA_FLOPPY_STATUS]
    jmp disk_show_status

; 02h read, 03h write, 04h verify: AL = sectors, CX and DH = first one, ES:BX = buffer -> AL = moved
floppy_transfer:
    call floppy_select
    jc floppy_end
    mov al, [bp + R_AL]
    mov dh, [bp + R_DH]
    call chs_request
    jc floppy_end
    call floppy_run
floppy_end:
    mov al, [bp + L_DONE]
    mov [bp + R_AL], al
    jmp disk_end

; The locals -> AH = status
floppy_run:
    mov eax, [bp + L_LBA]
    mov dx, FLOPPY_LBA
    out dx, eax
    mov dx, FLOPPY_COUNT
    mov al, [bp + L_COUNT]
    out dx, al
    mov al, FLOPPY_CMD_READ
    cmp byte ptr [bp + L_OPERATION], OPERATION_WRITE
    jne floppy_start
    mov al, FLOPPY_CMD_WRITE
floppy_start:
    call floppy_command
    jc floppy_run_done
    mov cx, [bp + L_COUNT]
    cmp byte ptr [bp + L_OPERATION], OPERATION_WRITE
    je floppy_write
    ja floppy_verified
floppy_read:
    call buffer_place
    jc floppy_no_room
    push cx
    mov es, ax
    mov dx, FLOPPY_DATA
    mov cx, SECTOR_WORDS
    rep insw
    pop cx
    call buffer_advance
    loop floppy_read
    mov ah, DISK_OK
floppy_run_done:
    ret
floppy_verified:                        ; the door could read them: nobody takes the data
    mov [bp + L_DONE], cx
    ret
floppy_no_room:
    mov ah, DISK_BOUNDARY
    ret
floppy_write:
    call buffer_place
    jc floppy_no_room
    push cx
    push ds
    mov ds, ax
    mov si, di
    mov dx, FLOPPY_DATA
    mov cx, SECTOR_WORDS
    rep outsw
    pop ds
    pop cx
    call buffer_advance
    loop floppy_write
    call floppy_result
    jnc floppy_run_done
    mov word ptr [bp + L_DONE], 0       ; the door stores all or nothing
    ret

; 05h CH = cylinder, DH = head: fill a track; the address fields at ES:BX are taken for granted
floppy_format:
    call floppy_select
    jc disk_end
    mov dh, [bp + R_DH]
    mov cl, 1
    mov ax, si
    call chs_request
    jc disk_end
    mov eax, [bp + L_LBA]
    mov dx, FLOPPY_LBA
    out dx, eax
    mov dx, FLOPPY_COUNT
    mov ax, si
    out dx, al
    mov al, FLOPPY_CMD_WRITE
    call floppy_command
    jc disk_end
    mov cx, si
floppy_fill:
    push cx
    mov dx, FLOPPY_DATA
    mov si, floppy_blank
    mov cx, SECTOR_WORDS
    rep cs outsw
    pop cx
    loop floppy_fill
    call floppy_result
    jmp disk_end

; 08h -> BL = type, CX, DH = last cylinder, sector, head, DL = drives, ES:DI = parameter table
floppy_geometry:
    call floppy_count
    cmp [bp + R_DL], al
    jae floppy_no_geometry
    mov bl, [bp + R_DL]
    call floppy_has_drive
    mov ah, 0
    mov [bp + R_BX], ax
    call floppy_shape
    mov ax, si
    mov cl, al
    mov ax, di
    mov dh, al
    call floppy_count
    mov dl, al
    call show_geometry
    mov [bp + R_ES], cs
    mov word ptr [bp + R_DI], floppy_parameters
    mov bx, BDA_FLOPPY_STATUS
    jmp disk_end_good
floppy_no_geometry:
    xor dx, dx
    mov dl, al
    mov [bp + R_DX], dx
    xor ax, ax
    mov [bp + R_BX], ax
    mov [bp + R_CX], ax
    mov [bp + R_DI], ax
    mov [bp + R_ES], ax
    mov ah, DISK_BAD_COMMAND
    jmp disk_end

; 15h -> AH = 1: a drive that cannot tell whether its medium was changed; 0: no drive
floppy_type:
    call floppy_count
    cmp al, [bp + R_DL]
    seta al
    mov [bp + R_AH], al
    RETURN_NO_CARRY
    jmp disk_return

; 16h medium changed? 17h format: it was not, if there is one
floppy_changed:
    call floppy_select
    jc disk_end
    jmp disk_good

; 18h CH, CL = last track, sectors: will the drive format such a medium? -> ES:DI = its parameters
floppy_media:
    call floppy_select
    jc disk_end
    inc ch
    cmp ch, bl
    jne disk_refuse
    mov ax, si
    cmp cl, al
    jne disk_refuse
    mov [bp + R_ES], cs
    mov word ptr [bp + R_DI], floppy_parameters
    jmp disk_good

floppy_blank:
    .fill SECTOR_BYTES, 1, FORMAT_FILL
