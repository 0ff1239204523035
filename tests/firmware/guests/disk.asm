; Shows: INT 13h on hard disks: geometry, reading and writing by both addresses, buffers across 64 KiB,
; errors.
; Machine: one disk of 8 MiB that holds the guest; sector n from 32 on begins with the words n, ~n.
; Success: the text in expected/.

    .include "guest.inc"

.equ BUFFER,            0xA000

; What a request gave: AX, carry
show_result:
    pushf
    call say
    .asciz " ax="
    call hex16
    popf
    call carry
    ret

; The first words of ES:BX
show_data:
    push ax
    mov ax, es:[bx]
    call say
    .asciz " data="
    call hex16
    mov ax, es:[bx + 2]
    call hex16
    pop ax
    ret

clear_buffer:
    pusha
    push es
    push ds
    pop es
    mov di, BUFFER
    mov cx, 0x800
    xor ax, ax
    rep stosw
    pop es
    popa
    ret

main:
    mov ah, 8
    mov dl, 0x80
    int 0x13
    SHOW16 "geometry=", cx
    SHOW16 ",", dx
    call carry
    inc dh
    mov [heads], dh
    and cl, 0x3F
    mov [sectors], cl
    mov ah, 8
    mov dl, 0x84
    int 0x13
    call show_result
    mov ah, 0x15
    mov dl, 0x80
    int 0x13
    SHOW16 " type=", ax
    SHOW16 ",", cx
    SHOW16 ":", dx
    mov ah, 0x15
    mov dl, 0x9F
    int 0x13
    call show_result
    call line

; LBA 100 through CHS
    call clear_buffer
    mov ax, 100
    div byte ptr [sectors]              ; AL = track, AH = sector
    mov cl, ah
    inc cl
    mov ah, 0
    div byte ptr [heads]
    mov ch, al
    mov dh, ah
    mov dl, 0x80
    mov bx, BUFFER
    mov ax, 0x0202
    int 0x13
    call say
    .asciz "chs"
    call show_result
    call show_data
    add bx, 512
    call show_data
    mov ax, 0x0402
    int 0x13
    call show_result
    mov ah, 1
    int 0x13
    call show_result
    call line

; Errors: no sectors, sector 0, sector, head and cylinder that are not there, unknown function, drive
    mov bx, BUFFER
    mov dx, 0x0080
    mov cx, 0x0001
    mov ax, 0x0200
    int 0x13
    call show_result
    mov cx, 0x0000
    mov ax, 0x0201
    int 0x13
    call show_result
    mov cl, [sectors]
    inc cl
    mov ax, 0x0201
    int 0x13
    call show_result
    mov cx, 0x0001
    mov dh, [heads]
    mov ax, 0x0201
    int 0x13
    call show_result
    mov dh, 0
    mov cx, 0xFFC1
    mov ax, 0x0201
    int 0x13
    call show_result
    mov ah, 1
    int 0x13
    call show_result
    call line
    mov ax, 0x7700
    int 0x13
    call show_result
    mov dl, 0x81
    mov ax, 0x0201
    mov cx, 1
    int 0x13
    call show_result
    mov dl, 0x80
    mov ah, 0
    int 0x13
    call show_result
    mov ah, 0x0C
    mov cx, 0x0201
    mov dh, 0
    int 0x13
    call show_result
    mov ah, 0x10
    int 0x13
    call show_result
    call line

; Extensions
    mov ah, 0x41
    mov bx, 0x55AA
    mov dl, 0x80
    int 0x13
    call say
    .asciz "edd"
    call show_result
    SHOW16 " bx=", bx
    SHOW16 " cx=", cx
    mov ah, 0x41
    mov bx, 0x1234
    int 0x13
    call show_result
    mov si, SCRATCH
    mov word ptr [si], 26
    mov ah, 0x48
    mov dl, 0x80
    int 0x13
    call show_result
    SHOW16 " size=", [si]
    SHOW32 " total=", [si + 16]
    SHOW16 " bytes=", [si + 24]
    mov word ptr [si], 25
    mov ah, 0x48
    int 0x13
    call show_result
    call line

    call clear_buffer
    mov bx, BUFFER
    mov si, dap
    mov ah, 0x42
    mov dl, 0x80
    int 0x13
    call say
    .asciz "read"
    call show_result
    call show_data
    add bx, 512
    call show_data
    SHOW16 " count=", [dap + 2]
    mov byte ptr [dap], 15              ; packet too short
    mov ah, 0x42
    int 0x13
    call show_result
    mov byte ptr [dap], 16
    mov dword ptr [dap + 8], 8 * 2048 - 1 ; the last sector and one more
    mov ah, 0x42
    int 0x13
    call show_result
    SHOW16 " count=", [dap + 2]
    mov word ptr [dap + 2], 1
    mov ah, 0x47
    int 0x13
    call show_result
    mov dword ptr [dap + 12], 1         ; beyond 32 bits
    mov ah, 0x44
    int 0x13
    call show_result
    mov ah, 0x47
    int 0x13
    call show_result
    mov dword ptr [dap + 12], 0
    call line

; Write three sectors, read them back elsewhere
    mov word ptr [dap + 2], 3
    mov dword ptr [dap + 8], 8000
    mov di, BUFFER
    mov cx, 0x300
    mov ax, 0x1111
fill:
    stosw
    add ax, 3
    loop fill
    mov ah, 0x43
    mov al, 0
    int 0x13
    call say
    .asciz "write"
    call show_result
    mov word ptr [dap + 4], BUFFER + 0x800
    mov ah, 0x42
    int 0x13
    call show_result
    mov si, BUFFER
    mov di, BUFFER + 0x800
    mov cx, 0x300
    repe cmpsw
    SHOW16 " different=", cx
    mov si, dap
    mov dword ptr [dap + 8], 8001
    mov ah, 0x44
    int 0x13
    call show_result
    call line

; 128 sectors into an odd place: the segment has to move along
    mov word ptr [dap + 2], 128
    mov dword ptr [dap + 8], 64
    mov word ptr [dap + 4], 0xFF01
    mov word ptr [dap + 6], 0x1000
    mov ah, 0x42
    int 0x13
    call say
    .asciz "long"
    call show_result
    SHOW16 " count=", [dap + 2]
    mov ax, 0x1000
    mov es, ax
    mov bx, 0xFF01
    call show_data
    mov ax, 0x2FD0                      ; 1000:FF01 + 127 * 512
    mov es, ax
    mov bx, 0x0001
    call show_data
    call line
    push ds
    pop es

; 255 sectors by one call, across the 256 of one command
    mov ax, 0x02FF
    mov cx, 0x0001
    mov dx, 0x0080
    mov bx, 0x1000
    mov es, bx
    mov bx, 0
    int 0x13
    call say
    .asciz "many"
    call show_result
    mov ax, 0x2FC0
    mov es, ax
    mov bx, 0
    call show_data                      ; sector 254
    push ds
    pop es
    mov ax, [0x4A1]                     ; nothing pending: INT 13h polls
    mov al, 0x0A
    out 0xA0, al
    in al, 0xA0
    and al, 0x40
    SHOW8 " irr=", al
    SHOW8 " status=", [0x474]
    call line

; Far too many sectors for what is left of the segment FFFFh
    mov word ptr [dap + 2], 2
    mov dword ptr [dap + 8], 64
    mov word ptr [dap + 4], 0xFE01
    mov word ptr [dap + 6], 0xFFFF
    mov si, dap
    mov ah, 0x42
    mov dl, 0x80
    int 0x13
    call say
    .asciz "wrap"
    call show_result
    SHOW16 " count=", [dap + 2]
    mov word ptr [dap + 2], 1
    mov word ptr [dap + 4], BUFFER
    mov word ptr [dap + 6], 0
    mov bx, BUFFER
    mov ah, 0
    int 0x13
    mov ah, 0x42
    int 0x13
    call show_result
    call show_data
    call line
    jmp finish

heads:      .byte 0
sectors:    .byte 0
    .align 4
dap:
    .byte 16, 0
    .word 2
    .word BUFFER, 0
    .quad 200
