; INT 1Ah, AH = B1h: the PCI BIOS in real mode, over configuration mechanism #1.
; Source: PCI BIOS Specification 2.1 (PCI SIG, 1994). The machine's one bus comes up with its functions
; set up: nothing is assigned here.
; Left out: special cycles, interrupt routing, the entry for protected mode.

.equ PCI_OK,            0x00
.equ PCI_UNSUPPORTED,   0x81
.equ PCI_BAD_VENDOR,    0x83
.equ PCI_NOT_FOUND,     0x86
.equ PCI_BAD_REGISTER,  0x87

.equ PCI_MECHANISM_1,   0x01
.equ PCI_VERSION,       0x0210          ; 2.10 in BCD
.equ PCI_SIGNATURE,     0x20494350      ; "PCI "
.equ PCI_LAST_BUS,      0

; AL = function; answers in the frame, AH = status.
pci_bios:
    movzx si, al
    dec si                              ; there is no function 0
    mov ah, PCI_UNSUPPORTED
    cmp si, (pci_table_end - pci_table) / 2
    jae pci_status
    shl si, 1
    call word ptr cs:[si + pci_table]
pci_status:
    mov [bp + R_AH], ah
    test ah, ah
    jz pci_done
    RETURN_CARRY
pci_done:
    ret

pci_table:
    .word pci_present, pci_find_device, pci_find_class
    .word pci_unsupported, pci_unsupported, pci_unsupported, pci_unsupported
    .word pci_read_byte, pci_read_word, pci_read_dword
    .word pci_write_byte, pci_write_word, pci_write_dword
pci_table_end:

pci_unsupported:
    mov ah, PCI_UNSUPPORTED
    ret

pci_present:                            ; 01h -> EDX, AL = mechanisms, BX = version, CL = last bus
    mov dword ptr [bp + R_DX], PCI_SIGNATURE
    mov byte ptr [bp + R_AL], PCI_MECHANISM_1
    mov word ptr [bp + R_BX], PCI_VERSION
    mov byte ptr [bp + R_CL], PCI_LAST_BUS
    mov ah, PCI_OK
    ret

pci_find_device:                        ; 02h CX = device, DX = vendor, SI = how many to pass over
    mov ah, PCI_BAD_VENDOR
    cmp dx, 0xFFFF
    je pci_done
    shl ecx, 16
    mov cx, dx
    mov esi, ecx
    xor di, di                          ; vendor and device
    mov cl, 0
    jmp pci_search

pci_find_class:                         ; 03h ECX = class, subclass, interface; SI
    mov esi, ecx
    and esi, 0xFFFFFF
    mov di, 8                           ; revision and class
    mov cl, 8
    ; falls through

; Look for the functions whose register DI, CL bits further right, is ESI -> BX = bus and function.
pci_search:
    mov ax, [bp + R_SI]
    mov [bp + R_SCRATCH], ax
    xor bx, bx
pci_search_next:
    call pci_point
    in eax, dx
    cmp eax, -1                         ; nobody there
    je pci_search_other
    shr eax, cl
    cmp eax, esi
    jne pci_search_other
    sub word ptr [bp + R_SCRATCH], 1
    jc pci_search_found                 ; none left to pass over
pci_search_other:
    inc bl
    jnz pci_search_next
    mov ah, PCI_NOT_FOUND
    ret
pci_search_found:
    mov [bp + R_BX], bx
    mov ah, PCI_OK
    ret

; 08h-0Dh: BX = bus and function, DI = register, CL, CX or ECX = value.
pci_read_byte:
    mov ax, 0xFF00
    call pci_reach
    in al, dx
    mov [bp + R_CL], al
    mov ah, PCI_OK
    ret

pci_read_word:
    mov ax, 0xFF01
    call pci_reach
    in ax, dx
    mov [bp + R_CX], ax
    mov ah, PCI_OK
    ret

pci_read_dword:
    mov ax, 0xFF03
    call pci_reach
    in eax, dx
    mov [bp + R_CX], eax
    mov ah, PCI_OK
    ret

pci_write_byte:
    mov ax, 0xFF00
    call pci_reach
    mov al, cl
    out dx, al
    mov ah, PCI_OK
    ret

pci_write_word:
    mov ax, 0xFF01
    call pci_reach
    mov ax, cx
    out dx, ax
    mov ah, PCI_OK
    ret

pci_write_dword:
    mov ax, 0xFF03
    call pci_reach
    mov eax, ecx
    out dx, eax
    mov ah, PCI_OK
    ret

; DX = the port of register DI, unless it has one of the bits AX: then the caller's caller gets the error.
pci_reach:
    test di, ax
    jz pci_point
    add sp, 2
    mov ah, PCI_BAD_REGISTER
    ret

; DX = the data port of register DI of function BX. Changes EAX.
pci_point:
    movzx eax, bx
    shl eax, 8
    or eax, PCI_ENABLE
    mov dx, di
    mov al, dl
    and al, 0xFC
    mov dx, PCI_ADDRESS
    out dx, eax
    mov dx, di
    and dx, 3
    add dx, PCI_DATA
    ret
