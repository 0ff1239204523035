; Shows: INT 13h on a disk that needs 48-bit sector numbers.
; Machine: one disk of 2^28 + 64 sectors that holds the guest; the rest is empty.
; Success: the text in expected/.

    .include "guest.inc"

.equ BUFFER,            0xA000

; Do AH to the packet -> " ax=", carry, count
request:
    mov si, dap
    mov dl, 0x80
    mov al, 0
    int 0x13
    pushf
    call say
    .asciz " ax="
    call hex16
    popf
    call carry
    SHOW16 " ", [dap + 2]
    ret

main:
    mov ah, 8
    mov dl, 0x80
    int 0x13
    SHOW16 "geometry=", cx
    SHOW16 ",", dx
    mov ah, 0x15
    mov dl, 0x80
    int 0x13
    SHOW16 " sectors=", cx
    SHOW16 "", dx
    call line

    mov di, BUFFER                      ; four sectors, two on either side of the border
    mov cx, 0x400
    mov ax, 0x4444
fill:
    stosw
    add ax, 7
    loop fill
    mov dword ptr [dap + 8], 0x10000000 - 2
    mov ah, 0x43
    call request
    mov word ptr [dap + 4], BUFFER + 0x1000
    mov ah, 0x42
    call request
    mov si, BUFFER
    mov di, BUFFER + 0x1000
    mov cx, 0x400
    repe cmpsw
    SHOW16 " different=", cx
    call line

    mov word ptr [dap + 2], 1           ; each alone
    mov dword ptr [dap + 8], 0x10000000 - 1
    mov ah, 0x42
    call request
    SHOW16 " ", [BUFFER + 0x1000]
    mov dword ptr [dap + 8], 0x10000000
    mov ah, 0x42
    call request
    SHOW16 " ", [BUFFER + 0x1000]
    mov word ptr [dap + 2], 64
    mov ah, 0x44
    call request
    mov word ptr [dap + 2], 65
    mov ah, 0x44
    call request
    mov dword ptr [dap + 8], 0          ; not confused with the low sectors
    mov word ptr [dap + 2], 1
    mov ah, 0x42
    call request
    SHOW16 " ", [BUFFER + 0x1000 + 510]
    call line
    jmp finish

    .align 4
dap:
    .byte 16, 0
    .word 4
    .word BUFFER, 0
    .quad 0
