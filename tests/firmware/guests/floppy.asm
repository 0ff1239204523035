; Shows: INT 13h on floppies behind the firmware's door.
; Machine: A: 1.44 MB with the guest, sector n from 32 on begins with the words n, ~n. No B:, no disk.
; Success: the text in expected/.

    .include "guest.inc"

.equ BUFFER,            0xA000

show_result:
    pushf
    call say
    .asciz " ax="
    call hex16
    popf
    call carry
    ret

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

main:
    int 0x11
    and al, 0xC1
    SHOW8 "drive=", [boot_drive]
    SHOW8 " equipment=", al
    mov ah, 8
    mov dl, 0
    int 0x13
    SHOW16 " geometry=", cx
    SHOW16 ",", dx
    SHOW8 " type=", bl
    call carry
    mov al, es:[di + 4]
    SHOW8 " table=", al
    push ds
    pop es
    mov ah, 0x15
    mov dl, 0
    int 0x13
    call show_result
    mov ah, 0x15
    mov dl, 1
    int 0x13
    call show_result
    call line

    mov bx, BUFFER                      ; LBA 100 = 2/1/11
    mov ax, 0x0202
    mov cx, 0x020B
    mov dx, 0x0100
    int 0x13
    call say
    .asciz "read"
    call show_result
    call show_data
    add bx, 512
    call show_data
    mov ax, 0x0412                      ; verify 18 from the end of a track on
    mov cx, 0x0212
    mov dh, 1
    int 0x13
    call show_result
    mov ah, 1
    int 0x13
    call show_result
    mov ax, 0x0203                      ; the last sector and two more
    mov cx, 0x4F12
    mov dx, 0x0100
    int 0x13
    call show_result
    mov ax, 0x0201                      ; no such sector, head, track, drive
    mov cx, 0x0013
    mov dx, 0
    int 0x13
    call show_result
    mov ax, 0x0201
    mov cx, 0x0001
    mov dh, 2
    int 0x13
    call show_result
    mov ax, 0x0201
    mov cx, 0x5001
    mov dh, 0
    int 0x13
    call show_result
    mov ax, 0x0201
    mov cx, 0x0001
    mov dx, 0x0001
    int 0x13
    call show_result
    mov ah, 1
    mov dl, 0
    int 0x13
    call show_result
    call line

    mov di, BUFFER                      ; write and read back
    mov cx, 0x200
    mov ax, 0x2222
fill:
    stosw
    add ax, 5
    loop fill
    mov bx, BUFFER
    mov ax, 0x0302
    mov cx, 0x1E05
    mov dx, 0x0100
    int 0x13
    call say
    .asciz "write"
    call show_result
    mov bx, BUFFER + 0x800
    mov ax, 0x0202
    int 0x13
    call show_result
    mov si, BUFFER
    mov di, BUFFER + 0x800
    mov cx, 0x200
    repe cmpsw
    SHOW16 " different=", cx
    mov ax, 0x0512                      ; format the track
    mov cx, 0x1E01
    mov dx, 0x0100
    mov bx, BUFFER
    int 0x13
    call show_result
    mov bx, BUFFER
    mov ax, 0x0201
    mov cx, 0x1E05
    int 0x13
    call show_result
    call show_data
    mov ax, 0x3000                      ; across 64 KiB
    mov es, ax
    mov bx, 0xFE02
    mov ax, 0x0212
    mov cx, 0x0301
    mov dx, 0x0000
    int 0x13
    call show_result
    mov ax, 0x4000
    mov es, ax
    mov bx, 0x2002
    call show_data                      ; LBA 108 + 17
    push ds
    pop es
    call line

    mov ah, 0x16
    mov dl, 0
    int 0x13
    call show_result
    mov ah, 0x18
    mov cx, 0x4F12
    int 0x13
    call show_result
    mov ah, 0x18
    mov cx, 0x4F09
    int 0x13
    call show_result
    mov ah, 0x00
    int 0x13
    call show_result
    mov ah, 0x00
    mov dl, 1
    int 0x13
    call show_result
    mov ah, 0x41
    mov bx, 0x55AA
    mov dl, 0
    int 0x13
    call show_result
    mov ah, 0x08
    mov dl, 1
    int 0x13
    call show_result
    SHOW16 " ", bx
    SHOW16 " ", cx
    SHOW16 " ", dx
    push ds
    pop es
    mov ah, 0x02
    mov al, 1
    mov cx, 1
    mov dx, 0x0080
    mov bx, BUFFER
    int 0x13
    call show_result
    call line
    jmp finish
