; Shows: INT 10h in text modes: cursor, teletype, cells, scrolling, strings, pages, fonts, information.
; Machine: any.
; Success: the text in expected/.

    .include "guest.inc"

; The eight cells from offset DI of the screen: characters, then attributes
show_cells:
    pusha
    push es
    push 0xB800
    pop es
    mov cx, 8
show_next:
    mov al, es:[di]
    cmp al, ' '
    jne show_char
    mov al, '_'
show_char:
    call put
    add di, 2
    loop show_next
    sub di, 16
    mov cx, 8
show_attributes:
    mov al, ' '
    call put
    mov al, es:[di + 1]
    call hex8
    add di, 2
    loop show_attributes
    call line
    pop es
    popa
    ret

show_cursor:                            ; BH = page
    pusha
    mov ah, 3
    int 0x10
    SHOW16 "cursor=", dx
    SHOW16 " shape=", cx
    call line
    popa
    ret

; AL = CRTC register -> its value and the next one's
show_crtc:
    pusha
    mov dx, 0x3D4
    mov cl, al
    out dx, al
    inc dx
    in al, dx
    mov ch, al
    dec dx
    mov al, cl
    inc al
    out dx, al
    inc dx
    in al, dx
    mov ah, ch
    SHOW16 "crtc=", ax
    call line
    popa
    ret

text1:
    .ascii "ab"
    .byte 13, 10
    .ascii "c"
text2:
    .byte 'x', 0x12, 'y', 0x34, 'z', 0x56

main:
    mov ax, 0x0003
    int 0x10
    xor di, di
    call show_cells
    mov bh, 0
    call show_cursor
    mov al, 0x0A                        ; CRTC cursor shape
    call show_crtc

; Teletype: attribute stays, CR, LF, BS, bell, wrapping at the right edge
    mov ax, 0x0E41
    int 0x10
    mov ax, 0x0E42
    int 0x10
    mov ax, 0x0E08
    int 0x10
    mov ax, 0x0E43
    int 0x10
    mov ax, 0x0E07
    int 0x10
    mov di, 0
    call show_cells
    call show_cursor
    mov ah, 2
    mov bh, 0
    mov dx, 0x054F                      ; row 5, last column
    int 0x10
    mov ax, 0x0E44
    int 0x10
    call show_cursor
    mov ax, 0x0E0A
    int 0x10
    mov ax, 0x0E0D
    int 0x10
    mov ax, 0x0E08                      ; at the left edge: stays
    int 0x10
    call show_cursor
    mov al, 0x0E
    call show_crtc

; Cells: write with and without attribute, read back, more than there is room for
    mov dx, 0x0A05
    mov ah, 2
    int 0x10
    mov ax, 0x0923
    mov bx, 0x001E
    mov cx, 3
    int 0x10
    mov ax, 0x0A40
    mov bx, 0x00FF
    mov cx, 1
    int 0x10
    mov di, (10 * 80 + 5) * 2
    call show_cells
    mov ah, 8
    mov bh, 0
    int 0x10
    SHOW16 "cell=", ax
    call line
    mov ax, 0x0A20
    mov cx, 0xFFFF
    int 0x10
    SHOW16 "bios data=", [0x410 + 3]
    call line

; Scroll a window up and down, and clear it
    mov ax, 0x0003
    int 0x10
    mov cx, 25
    mov dx, 0
    mov bh, 0
rows:
    mov ah, 2
    int 0x10
    push cx
    mov al, dh
    add al, 'a'
    mov ah, 0x0A
    mov cx, 8
    int 0x10
    pop cx
    inc dh
    loop rows
    mov ax, 0x0602                      ; up by two
    mov bh, 0x1F
    mov cx, 0x0302
    mov dx, 0x0604
    int 0x10
    mov di, 3 * 160
    call show_cells
    mov di, 4 * 160
    call show_cells
    mov di, 5 * 160
    call show_cells
    mov di, 6 * 160
    call show_cells
    mov di, 7 * 160
    call show_cells
    mov ax, 0x0701                      ; down by one, rectangle larger than the screen
    mov bh, 0x2F
    mov cx, 0x1601
    mov dx, 0xFFFF
    int 0x10
    mov di, 22 * 160
    call show_cells
    mov di, 24 * 160
    call show_cells
    mov ax, 0x0600                      ; clear
    mov bh, 0x3F
    mov cx, 0x0000
    mov dx, 0x0001
    int 0x10
    mov di, 0
    call show_cells
    mov ax, 0x0601                      ; top left behind bottom right: nothing
    mov cx, 0x0505
    mov dx, 0x0404
    int 0x10

; The teletype scrolls at the bottom, with the cursor line's attribute
    mov dx, 0x184F
    mov bh, 0
    mov ah, 2
    int 0x10
    mov ax, 0x0920
    mov bx, 0x004E
    mov cx, 1
    int 0x10
    mov ax, 0x0E57
    int 0x10
    call show_cursor
    mov dx, 0x1803
    mov ah, 2
    int 0x10
    mov ax, 0x094C
    mov cx, 1
    int 0x10
    mov ax, 0x0E0A
    int 0x10
    call show_cursor
    mov di, 23 * 160
    call show_cells
    mov di, 24 * 160
    call show_cells

; Strings
    mov ax, 0x0003
    int 0x10
    push cs
    pop es
    mov bp, text1
    mov cx, 5
    mov bx, 0x001B
    mov dx, 0x0203
    mov ax, 0x1301
    int 0x10
    call show_cursor
    mov di, (2 * 80 + 3) * 2
    call show_cells
    mov di, 3 * 160
    call show_cells
    mov bp, text2
    mov cx, 3
    mov bx, 0
    mov dx, 0x0900
    mov ax, 0x1302                      ; attributes inside, cursor stays
    int 0x10
    call show_cursor
    mov di, 9 * 160
    call show_cells

; Pages
    mov ax, 0x0501
    int 0x10
    mov ah, 0x0F
    int 0x10
    SHOW16 "mode=", ax
    SHOW8 " page=", bh
    call line
    mov al, 0x0C
    call show_crtc
    mov ax, 0x0E50
    int 0x10
    mov di, 0x1000
    call show_cells
    mov bh, 1
    call show_cursor
    mov al, 0x0E
    call show_crtc
    mov ax, 0x0500
    int 0x10

; The cursor's shape: old programs count eight lines
    mov cx, 0x0107
    mov ah, 1
    int 0x10
    mov bh, 0
    call show_cursor
    mov al, 0x0A
    call show_crtc
    mov cx, 0x2000
    mov ah, 1
    int 0x10
    mov al, 0x0A
    call show_crtc

; Other modes
    mov ax, 0x0001
    int 0x10
    mov ah, 0x0F
    int 0x10
    SHOW16 "mode=", ax
    mov ax, 0x0013                      ; graphics: refused
    int 0x10
    mov ah, 0x0F
    int 0x10
    SHOW16 " mode=", ax
    mov ax, 0x0003
    int 0x10
    mov ax, 0x0E51
    int 0x10
    mov ax, 0x0083                      ; bit 7: the screen stays
    int 0x10
    mov ah, 0x0F
    int 0x10
    SHOW16 " mode=", ax
    call line
    xor di, di
    call show_cells

; 50 lines
    mov ax, 0x1112
    mov bl, 0
    int 0x10
    SHOW8 "rows=", [0x484]
    SHOW16 " height=", [0x485]
    SHOW16 " page=", [0x44C]
    call line
    mov ax, 0x1130
    mov bh, 0
    int 0x10
    SHOW16 "bytes=", cx
    SHOW8 " rows=", dl
    call line
    mov ax, 0x0003
    int 0x10

; What it is
    mov ah, 0x12
    mov bl, 0x10
    int 0x10
    SHOW16 "alternate=", bx
    mov ax, 0x1A00
    int 0x10
    SHOW8 " display=", al
    SHOW16 ",", bx
    mov ax, 0x1B00
    mov bx, 0
    mov di, SCRATCH
    push ds
    pop es
    int 0x10
    SHOW8 " state=", al
    SHOW8 ",", [SCRATCH + 4]
    SHOW16 ",", [SCRATCH + 5]
    SHOW8 ",", [SCRATCH + 0x22]
    SHOW16 ",", [SCRATCH + 0x23]
    SHOW16 ",", [SCRATCH + 0x25]
    SHOW8 ",", [SCRATCH + 0x31]
    call line
    mov ax, 0x1003                      ; bright backgrounds
    mov bl, 0
    int 0x10
    mov ax, 0x1007
    mov bl, 0x10
    int 0x10
    SHOW8 "attribute=", bh
    mov ax, 0x1010
    mov bx, 5
    mov dh, 1
    mov cx, 0x0203
    int 0x10
    mov ax, 0x1015
    xor cx, cx
    xor dx, dx
    int 0x10
    SHOW8 " dac=", dh
    SHOW16 "", cx
    mov ax, 0x1017
    mov bx, 0x3F
    mov cx, 1
    mov dx, SCRATCH
    int 0x10
    SHOW8 " white=", [SCRATCH]
    SHOW16 "", [SCRATCH + 1]
    call line
    mov ax, 0x4F00                      ; VESA: not known
    int 0x10
    SHOW16 "vesa=", ax
    call line
    jmp finish
