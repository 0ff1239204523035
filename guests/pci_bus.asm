; Who is on the PCI bus: every function's names, and the base address register of the IDE interface,
; measured and moved.
;
; Machine: a PCI bus behind ports CF8h and CFCh with a bus-mastering IDE interface on it, COM1.
; Success: a line for each function, the interface's 16 bus master ports at their old and their new
; place and nowhere else, exit code 0.

.include "boot.inc"

.equ IDE_CLASS,     0x01018000      ; mass storage, IDE, can master the bus
.equ IDE_CLASS_MASK, 0xFFFF8000
.equ BAR_PORTS,     0xFFFC          ; the address bits of a base of ports
.equ PORTS,         16
.equ NEW_BASE,      0xD800
.equ BM_TABLE,      4               ; a register that keeps what is written to it
.equ TABLE_AT,      0x00123400

    xor ebx, ebx                    ; the function's address
    mov cx, PCI_FUNCTIONS
list:
    lea eax, [ebx + PCI_ID]
    call pci_read
    cmp eax, -1                     ; nobody drives the bus
    je list_next
    push eax
    mov ax, bx
    shr ax, 8
    call print_byte                 ; device times 8 and function
    PRINT ": "
    pop eax
    call print_ids
    lea eax, [ebx + PCI_CLASS]
    call pci_read
    PRINT " class "
    shr eax, 16
    call print_word
    PRINT "\r\n"
list_next:
    add ebx, PCI_FUNCTION
    loop list

    mov ebx, IDE_CLASS
    mov ecx, IDE_CLASS_MASK
    call pci_find_class
    jc no_interface

    ; All ones into a base address: the bits that stay zero say how many ports it spans.
    call read_base
    mov [old_base], ax
    mov ecx, -1
    call write_base
    call read_base
    neg ax
    PRINT "ports: "
    call print_decimal
    PRINT "\r\n"
    cmp ax, PORTS
    jne wrong_size

    ; What is written at the old place is read at the new one, and the old one is empty.
    movzx ecx, word ptr [old_base]
    call write_base
    mov dx, [old_base]
    add dx, BM_TABLE
    mov eax, TABLE_AT
    out dx, eax
    mov ecx, NEW_BASE
    call write_base
    mov dx, NEW_BASE + BM_TABLE
    in eax, dx
    cmp eax, TABLE_AT
    jne not_moved
    mov dx, [old_base]
    add dx, BM_TABLE
    in eax, dx
    cmp eax, -1
    jne not_moved
    PRINT "moved: ok\r\n"

    ; Without the I/O enable it is nowhere.
    xor ecx, ecx
    call write_command
    mov dx, NEW_BASE + BM_TABLE
    in eax, dx
    cmp eax, -1
    jne still_there
    mov ecx, PCI_IO_ENABLE | PCI_BUS_MASTER
    call write_command
    mov dx, NEW_BASE + BM_TABLE
    in eax, dx
    cmp eax, TABLE_AT
    jne not_moved
    PRINT "switched off and on: ok\r\n"
    EXIT 0

; Vendor and device from EAX.
print_ids:
    call print_word
    PRINT ":"
    shr eax, 16
    jmp print_word

; AX = the base address of the function EBX. Changes EAX, DX.
read_base:
    lea eax, [ebx + PCI_BAR4]
    call pci_read
    and eax, BAR_PORTS
    ret

; ECX into the base address, or the command register, of the function EBX. Changes EAX, DX.
write_base:
    lea eax, [ebx + PCI_BAR4]
    jmp pci_write
write_command:
    lea eax, [ebx + PCI_COMMAND]
    jmp pci_write

no_interface:
    PRINT "no IDE interface that masters the bus\r\n"
    EXIT 1
wrong_size:
    PRINT "these are not its ports\r\n"
    EXIT 2
not_moved:
    PRINT "the registers did not move\r\n"
    EXIT 3
still_there:
    PRINT "the registers are there without I/O enable\r\n"
    EXIT 4

old_base:
    .word 0

.include "pci.inc"
.include "print16.inc"
IMAGE_END
