; Memory: INT 12h, INT 11h, and INT 15h/87h, 88h, E801h, E820h.
; Sources: IBM BIOS Interface Technical Reference; ACPI 6.4 section 15.1 (E820h).

.equ SMAP,              0x534D4150
.equ MAP_RAM,           1
.equ MAP_RESERVED,      2
.equ MAP_ENTRY_SHORT,   20
.equ MAP_ENTRY_LONG,    24

int11:                                  ; -> AX = equipment
    push ds
    push BDA_SEGMENT
    pop ds
    mov ax, [BDA_EQUIPMENT]
    pop ds
    iret

int12:                                  ; -> AX = base memory in KiB
    push ds
    push BDA_SEGMENT
    pop ds
    mov ax, [BDA_BASE_KIB]
    pop ds
    iret

; 88h -> AX = KiB above 1 MiB, at most 63 MiB for programs that add 1 MiB in 16 bits
int15_extended_memory:
    call memory_top_kib
    sub eax, 1024
    cmp eax, 0xFC00
    jbe int15_extended_fits
    mov ax, 0xFC00
int15_extended_fits:
    mov [bp + R_AX], ax
    RETURN_NO_CARRY
    ret

; E8h: AL = 01h or 20h
int15_memory_map:
    cmp al, 0x20
    je int15_e820
    cmp al, 0x01
    jne int15_unknown
; E801h -> AX, CX = KiB from 1 to 16 MiB; BX, DX = 64 KiB units above
    call memory_top_kib
    sub eax, 1024
    xor ecx, ecx
    cmp eax, 15 * 1024
    jbe int15_e801_small
    lea ecx, [eax - 15360]
    shr ecx, 6
    mov ax, 15 * 1024
int15_e801_small:
    mov [bp + R_AX], ax
    mov [bp + R_CX], ax
    mov [bp + R_BX], cx
    mov [bp + R_DX], cx
    RETURN_NO_CARRY
    ret

; E820h: EBX = entry (0 first), ECX = room at ES:DI, EDX = 'SMAP'
;     -> EAX = 'SMAP', EBX = next entry or 0, ECX = bytes stored
int15_e820:
    cmp edx, SMAP
    jne int15_unknown
    cmp ecx, MAP_ENTRY_SHORT
    jb int15_unknown
    call map_entries
    cmp ebx, eax
    jae int15_unknown
    shl bx, 1
    call word ptr cs:[bx + map_table]
    mov di, [bp + R_DI]
    mov es:[di + 16], edx               ; type
    mov edx, eax
    shl eax, 10                         ; KiB to bytes
    shr edx, 22
    mov es:[di], eax
    mov es:[di + 4], edx
    mov edx, ecx
    shl ecx, 10
    shr edx, 22
    mov es:[di + 8], ecx
    mov es:[di + 12], edx

    mov eax, MAP_ENTRY_SHORT
    cmp dword ptr [bp + R_CX], MAP_ENTRY_LONG
    jb int15_e820_short
    mov dword ptr es:[di + 20], 1       ; ACPI 3.0 attributes: an ordinary entry
    mov al, MAP_ENTRY_LONG
int15_e820_short:
    mov [bp + R_CX], eax
    mov dword ptr [bp + R_AX], SMAP
    call map_entries
    mov ebx, [bp + R_BX]
    inc ebx
    cmp ebx, eax
    jb int15_e820_more
    xor ebx, ebx
int15_e820_more:
    mov [bp + R_BX], ebx
    RETURN_NO_CARRY
    ret

; -> EAX = how many entries the map has
map_entries:
    call memory_high_kib
    neg eax                             ; carry when there is some above 4 GiB
    mov eax, 4
    adc al, 0
    ret

; Each -> EAX = first KiB, ECX = KiB, EDX = type
map_table:
    .word map_base, map_ebda, map_rom, map_extended, map_high

map_base:
    movzx ecx, word ptr [BDA_BASE_KIB]
    xor eax, eax
    mov edx, MAP_RAM
    ret
map_ebda:
    movzx eax, word ptr [BDA_BASE_KIB]
    mov ecx, 640
    sub ecx, eax
    mov edx, MAP_RESERVED
    ret
map_rom:
    mov eax, 896                        ; E0000h: ACPI tables, then this ROM
    mov ecx, 128
    mov edx, MAP_RESERVED
    ret
map_extended:
    call memory_top_kib
    mov ecx, eax
    mov eax, 1024
    sub ecx, eax
    mov edx, MAP_RAM
    ret
map_high:
    call memory_high_kib
    mov ecx, eax
    mov eax, 4 << 20
    mov edx, MAP_RAM
    ret

; 87h: copy CX words between the segments that descriptors 2 and 3 of the table at ES:SI describe
.equ MOVE_SOURCE,       0x10
.equ MOVE_TARGET,       0x18
.equ MOVE_MAX_WORDS,    0x8000
.equ MOVE_FLAT,         0x08            ; selectors of our own table
.equ MOVE_CODE,         0x10
.equ MOVE_DATA,         0x18
.equ MOVE_EXCEPTION,    0x02            ; as AH returns them
.equ MOVE_NOT_POSSIBLE, 0x03

int15_block_move:
    mov ah, MOVE_EXCEPTION
    cmp cx, MOVE_MAX_WORDS
    ja block_move_failed
    mov eax, cr0
    test al, 1                          ; virtual 8086: its monitor has to do this
    mov ah, MOVE_NOT_POSSIBLE
    jnz block_move_failed
    mov eax, es:[si + MOVE_SOURCE + 2]
    mov bl, es:[si + MOVE_SOURCE + 7]
    call descriptor_base
    mov edi, eax
    mov eax, es:[si + MOVE_TARGET + 2]
    mov bl, es:[si + MOVE_TARGET + 7]
    call descriptor_base
    mov esi, edi
    mov edi, eax
    movzx ecx, cx
    pushf
    cli
    in al, PORT_92
    push ax
    or al, PORT_92_A20
    and al, 0xFF - PORT_92_RESET
    out PORT_92, al
    call block_move
    pop ax
    and al, 0xFF - PORT_92_RESET
    out PORT_92, al
    popf
    jmp int15_ok
block_move_failed:
    mov [bp + R_AH], ah
    RETURN_CARRY
    ret

; EAX = bytes 2-5 of a descriptor, BL = byte 7 -> EAX = its base
descriptor_base:
    shl eax, 8
    mov al, bl
    ror eax, 8
    ret

; ESI, EDI = linear addresses, ECX = words. Interrupts are off. The segments that the caller described
; are not loaded: two flat ones of ours cannot fault. Changes EAX, ECX, ESI, EDI, ES; DS = data area.
block_move:
    lgdt cs:[move_gdt_pointer]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    ljmp MOVE_CODE:block_move_protected
block_move_protected:
    mov ax, MOVE_FLAT
    mov ds, ax
    mov es, ax
    shr ecx, 1
    a32 rep movsd
    adc cx, cx
    a32 rep movsw
    mov ax, MOVE_DATA                   ; real mode wants limits of 64 KiB back
    mov ds, ax
    mov es, ax
    mov eax, cr0
    and al, 0xFE
    mov cr0, eax
    ljmp BIOS_SEGMENT:block_move_real
block_move_real:
    push BDA_SEGMENT
    pop ds
    ret

    .align 8
move_gdt:
    .quad 0
    .quad 0x00CF93000000FFFF            ; all 4 GiB
    .quad 0x00009B0F0000FFFF            ; this ROM
    .quad 0x000093000000FFFF
move_gdt_pointer:
    .word move_gdt_pointer - move_gdt - 1
    .long 0xF0000 + move_gdt
