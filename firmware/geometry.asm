; How INT 13h divides a disk into cylinders, heads and sectors, and the tables that tell about it.
; Source: Phoenix EDD 3.0, annex B ("LBA assisted" translation); IBM fixed disk parameter table.

.equ CHS_CYLINDERS,     1024            ; what INT 13h can say
.equ LBA_SECTORS,       63
.equ LBA_HEADS_MAX,     255

; ES:SI = what IDENTIFY said, FS:DI = table entry: both geometries. Changes EAX, ECX, EDX.
disk_geometry:
    mov ax, es:[si + ID_CYLINDERS]
    mov cx, es:[si + ID_HEADS]
    mov dx, es:[si + ID_SECTORS]
    mov fs:[di + DRIVE_OWN_CYLS], ax
    mov fs:[di + DRIVE_OWN_HEADS], cx
    mov fs:[di + DRIVE_OWN_SECTORS], dx
    cmp ax, CHS_CYLINDERS
    ja geometry_assisted
    test ax, ax
    jz geometry_assisted
    dec cx                              ; 1 to 16 heads, 1 to 63 sectors: it needs no help
    cmp cx, 16
    jae geometry_assisted
    inc cx
    dec dx
    cmp dx, LBA_SECTORS
    jae geometry_assisted
    inc dx
    jmp geometry_store

; 16, 32, 64, 128 or 255 heads: the first with which 1024 cylinders hold the disk
geometry_assisted:
    mov eax, fs:[di + DRIVE_TOTAL]
    cmp dword ptr fs:[di + DRIVE_TOTAL + 4], 0
    jne geometry_largest
    mov ecx, 16
geometry_next:
    imul edx, ecx, CHS_CYLINDERS * LBA_SECTORS
    cmp eax, edx
    jbe geometry_divide
    shl ecx, 1
    cmp ecx, LBA_HEADS_MAX
    jb geometry_next
    mov cl, LBA_HEADS_MAX
    mov ch, 0
    imul edx, ecx, CHS_CYLINDERS * LBA_SECTORS
    cmp eax, edx
    ja geometry_largest
geometry_divide:
    push ecx
    imul ecx, ecx, LBA_SECTORS
    xor edx, edx
    div ecx
    pop ecx
    test ax, ax                         ; a disk smaller than one cylinder still has one
    jnz geometry_some
    inc ax
geometry_some:
    mov dx, LBA_SECTORS
    jmp geometry_store
geometry_largest:
    mov ax, CHS_CYLINDERS
    mov cx, LBA_HEADS_MAX
    mov dx, LBA_SECTORS
geometry_store:
    mov fs:[di + DRIVE_CYLINDERS], ax
    mov fs:[di + DRIVE_HEADS], cx
    mov fs:[di + DRIVE_SECTORS], dx
    ret

; The parameter tables of the first two disks, and INT 41h and 46h that point at them. FS = EBDA.
disk_tables:
    xor ax, ax
    mov es, ax
    mov si, EBDA_DRIVES
    mov di, EBDA_DISK_PARAMS
    mov bx, 0x41 * 4
    call disk_table
    mov si, EBDA_DRIVES + DRIVE_SIZE
    mov di, EBDA_DISK_PARAMS + 16
    mov bx, 0x46 * 4
disk_table:
    mov es:[bx], di
    mov es:[bx + 2], fs
    mov ax, fs:[si + DRIVE_CYLINDERS]
    mov fs:[di], ax
    mov fs:[di + 12], ax                ; landing zone
    mov word ptr fs:[di + 5], 0xFFFF    ; no write precompensation
    mov ax, fs:[si + DRIVE_HEADS]
    mov fs:[di + 2], al
    cmp al, 8
    jbe disk_table_few_heads
    mov byte ptr fs:[di + 8], 0x08
disk_table_few_heads:
    mov ax, fs:[si + DRIVE_SECTORS]
    mov fs:[di + 14], al
    ret
