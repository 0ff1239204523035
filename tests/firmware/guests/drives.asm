; Shows: several hard disks: their numbers, sizes, contents, the parameter tables of the first two.
; Machine: the guest's disk, then up to three more, of any size; sector n from 32 on as in cases.py.
; Success: a line a drive, then the tables.

    .include "guest.inc"

.equ BUFFER,            0xA000

main:
    SHOW8 "disks=", [0x475]
    call line
    mov dl, 0x80
next:
    SHOW8 "", dl
    push dx
    mov ah, 0x15
    int 0x13
    SHOW8 " type=", ah
    SHOW16 " sectors=", cx
    SHOW16 "", dx
    pop dx
    push dx
    mov ah, 8
    int 0x13
    SHOW16 " geometry=", cx
    SHOW8 " ", dh
    pop dx
    mov byte ptr [BUFFER], 0
    mov si, dap
    mov ah, 0x42
    int 0x13
    call carry
    SHOW16 " data=", [BUFFER]
    call line
    inc dl
    cmp dl, 0x84
    jb next

    les di, [0x41 * 4]
    call table
    les di, [0x46 * 4]
    call table
    jmp finish

table:                                  ; cylinders, heads, sectors
    SHOW16 "table=", es:[di]
    SHOW8 " ", es:[di + 2]
    SHOW8 " ", es:[di + 14]
    call line
    ret

    .align 4
dap:
    .byte 16, 0
    .word 1
    .word BUFFER, 0
    .quad 33
