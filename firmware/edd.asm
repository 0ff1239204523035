; INT 13h/41h-48h: sectors by number.
; Source: Phoenix Enhanced Disk Drive Specification 3.0 (1998).
; Left out: locking and ejecting (no removable drives), 4Bh (El Torito), 64-bit flat buffers, device
; paths.

.equ EDD_VERSION,       0x21            ; EDD 1.1
.equ EDD_ACCESS,        0x0001          ; 42h-44h, 47h, 48h
.equ EDD_CHS_VALID,     0x0002

; The disk address packet
.equ DAP_SIZE,          0
.equ DAP_COUNT,         2
.equ DAP_OFFSET,        4               ; and segment
.equ DAP_LBA,           8
.equ DAP_BYTES,         16

; 41h BX = 55AAh -> BX = AA55h, AH = version, CX = what is there
edd_present:
    cmp word ptr [bp + R_BX], 0x55AA
    jne disk_refuse
    mov word ptr [bp + R_BX], 0xAA55
    mov byte ptr [bp + R_AH], EDD_VERSION
    mov word ptr [bp + R_CX], EDD_ACCESS
    RETURN_NO_CARRY
    jmp disk_return

; 42h read, 43h write, 44h verify, 47h seek: DS:SI = packet, whose count becomes the sectors moved
edd_transfer:
    mov es, [bp + R_DS]
    mov si, [bp + R_SI]
    cmp byte ptr es:[si + DAP_SIZE], DAP_BYTES
    jb disk_refuse
    mov ax, es:[si + DAP_COUNT]
    mov [bp + L_COUNT], ax
    mov ecx, es:[si + DAP_LBA]
    mov [bp + L_LBA], ecx
    mov ecx, es:[si + DAP_LBA + 4]
    mov [bp + L_LBA + 4], ecx
    mov al, [bp + R_AH]
    cmp al, 0x47
    je edd_seek
    sub al, 0x42
    mov [bp + L_OPERATION], al
    mov ecx, es:[si + DAP_OFFSET]       ; offset and segment
    mov [bp + L_OFFSET], cx
    shr ecx, 16
    mov [bp + L_SEGMENT], cx
    cmp al, OPERATION_VERIFY
    je edd_go
    cmp dword ptr es:[si + DAP_OFFSET], 0xFFFFFFFF
    je disk_refuse                      ; the address would be a flat one behind the packet
edd_go:
    call ata_transfer
    mov es, [bp + R_DS]
    mov si, [bp + R_SI]
    mov cx, [bp + L_DONE]
    mov es:[si + DAP_COUNT], cx
    jmp disk_end
edd_seek:
    mov word ptr [bp + L_COUNT], 0      ; a transfer of nothing, if the place exists
    add dword ptr [bp + L_LBA], 1
    adc dword ptr [bp + L_LBA + 4], 0
    jc disk_refuse
    call ata_transfer
    jmp disk_end

; 48h DS:SI = buffer that begins with its size -> 26 bytes about the drive
.equ EDD_RESULT_BYTES,  26

edd_parameters:
    mov es, [bp + R_DS]
    mov di, [bp + R_SI]
    cmp word ptr es:[di], EDD_RESULT_BYTES
    jb disk_refuse
    mov si, [bp + L_DRIVE]
    mov ax, EDD_RESULT_BYTES
    stosw
    mov ax, EDD_CHS_VALID
    stosw
    movzx eax, word ptr fs:[si + DRIVE_OWN_CYLS]
    stosd
    movzx eax, word ptr fs:[si + DRIVE_OWN_HEADS]
    stosd
    movzx eax, word ptr fs:[si + DRIVE_OWN_SECTORS]
    stosd
    mov eax, fs:[si + DRIVE_TOTAL]
    stosd
    mov eax, fs:[si + DRIVE_TOTAL + 4]
    stosd
    mov ax, SECTOR_BYTES
    stosw
    jmp disk_good
