; INT 10h: video. The dispatcher, the cursor, pages, the teletype; screen.asm writes and scrolls,
; video_info.asm answers questions.
; Source: IBM BIOS Interface Technical Reference, INT 10h.
; Left out: graphics (0Bh-0Dh do nothing), the light pen, VESA (4Fh), save and restore (1Ch).

int10:
    ENTER_SERVICE
    sti
    cmp ah, INT10_LAST
    ja int10_return
    movzx di, ah
    shl di, 1
    call word ptr cs:[di + int10_table]
int10_return:
    LEAVE_SERVICE

.equ INT10_LAST,        0x1B
int10_table:
    .word int10_set_mode, int10_cursor_shape, int10_set_cursor, int10_get_cursor
    .word int10_light_pen, int10_set_page, int10_scroll_up, int10_scroll_down
    .word int10_read_cell, int10_write_cell, int10_write_char, int10_nothing
    .word int10_nothing, int10_nothing, int10_teletype, int10_get_mode
    .word int10_palette, int10_font, int10_alternate, int10_string
    .word int10_nothing, int10_nothing, int10_nothing, int10_nothing
    .word int10_nothing, int10_nothing, int10_display_code, int10_state

int10_nothing:
    ret

int10_set_mode:                         ; 00h AL
    jmp video_set_mode

int10_cursor_shape:                     ; 01h CH = first line, CL = last line
    mov [BDA_CURSOR_SHAPE], cx
    ; fall through

; Show the cursor in the shape of the data area: programs give lines of an 8-line character, whatever the
; font. Changes AX, CX, DX.
cursor_show_shape:
    mov cx, [BDA_CURSOR_SHAPE]
    test ch, 0x20                       ; invisible
    jnz cursor_shape_write
    mov ah, [BDA_CHAR_HEIGHT]
    cmp ah, 8
    jbe cursor_shape_write
    cmp cx, 0x0808                      ; both below 8, or the caller knows the real height
    jae cursor_shape_write
    cmp cl, 8
    jae cursor_shape_write
    mov al, cl
    call cursor_scale
    mov cl, al
    mov al, ch
    call cursor_scale
    mov ch, al
cursor_shape_write:
    mov al, CRTC_CURSOR_START
    jmp crtc_write_pair

; AL = line of eight, AH = height -> AL = the line of the taller character: the upper half keeps its
; distance from the top, the lower from the bottom (and stays clear of the last line, as IBM's does)
cursor_scale:
    cmp al, 4
    jb cursor_scale_done
    add al, ah
    sub al, 9
cursor_scale_done:
    ret

int10_set_cursor:                       ; 02h BH = page, DX = row, column
    call page_slot
    mov [di + BDA_CURSORS], dx
    cmp bh, [BDA_PAGE]
    jne int10_nothing
    ; fall through

; Put the hardware's cursor where the page on screen has its own. Changes AX, BX, CX, DX, DI.
cursor_show:
    mov bh, [BDA_PAGE]
    call cell_address
    mov cx, di
    shr cx, 1
    mov al, CRTC_CURSOR_HIGH
    jmp crtc_write_pair

int10_get_cursor:                       ; 03h BH = page -> CX = shape, DX = row, column
    call page_slot
    mov ax, [di + BDA_CURSORS]
    mov [bp + R_DX], ax
    mov ax, [BDA_CURSOR_SHAPE]
    mov [bp + R_CX], ax
    ret

int10_light_pen:                        ; 04h -> AH = 0: not triggered
    mov byte ptr [bp + R_AH], 0
    ret

int10_set_page:                         ; 05h AL
    and al, 7
    mov [BDA_PAGE], al
    mov ah, 0
    mul word ptr [BDA_PAGE_SIZE]
    mov [BDA_PAGE_START], ax
    mov cx, ax
    shr cx, 1
    mov al, CRTC_START_HIGH
    call crtc_write_pair
    jmp cursor_show

int10_get_mode:                         ; 0Fh -> AL = mode, AH = columns, BH = page
    mov al, [BDA_MODE]
    mov ah, [BDA_COLUMNS]
    mov [bp + R_AX], ax
    mov al, [BDA_PAGE]
    mov [bp + R_BH], al
    ret

; BH = page -> BH reduced to the eight there are, DI = offset of its cursor in BDA_CURSORS
page_slot:
    and bh, 7
    movzx di, bh
    shl di, 1
    ret

; BH = page -> DI = offset of the cell under its cursor in the screen's memory. Changes AX, DX.
cell_address:
    call page_slot
    mov dx, [di + BDA_CURSORS]
    ; fall through

; BH = page, DX = row, column -> DI = offset of that cell. Changes AX.
cell_at:
    push dx
    mov al, [BDA_COLUMNS]
    mul dh
    mov dh, 0
    add ax, dx
    shl ax, 1
    mov di, ax
    movzx ax, bh
    mul word ptr [BDA_PAGE_SIZE]
    add di, ax
    pop dx
    ret

int10_teletype:                         ; 0Eh AL; the page is always the one on screen
    mov bh, [BDA_PAGE]
    call tty_put
    jmp cursor_show

; AL = character for the page on screen, as the BIOS itself writes. Keeps all registers.
tty:
    pusha
    push es
    mov bh, [BDA_PAGE]
    call tty_put
    call cursor_show
    pop es
    popa
    ret

; CS:SI = text, zero at its end. Changes AX, SI.
print:
    mov al, cs:[si]
    inc si
    test al, al
    jz print_done
    call tty
    jmp print
print_done:
    ret

; AX or AL in hexadecimal. Changes AX.
print_hex16:
    push ax
    mov al, ah
    call print_hex8
    pop ax
print_hex8:
    push ax
    shr al, 4
    call print_digit
    pop ax
    and al, 0x0F
print_digit:
    cmp al, 10
    sbb al, 0x69                        ; 0-9 -> 96h-9Fh, A-F -> A1h-A6h; DAS makes them ASCII
    das
    jmp tty

; EAX in decimal. Changes EAX, EDX, CX.
print_decimal:
    mov cx, 0
    push ebx
    mov ebx, 10
print_decimal_divide:
    xor edx, edx
    div ebx
    push dx
    inc cx
    test eax, eax
    jnz print_decimal_divide
print_decimal_next:
    pop ax
    add al, '0'
    call tty
    loop print_decimal_next
    pop ebx
    ret

; AL = character: write it at the cursor of page BH, obey CR, LF and BS, advance, scroll. The attribute
; under the cursor stays. The bell is silent. Changes all but BP, SP, DS.
tty_put:
    call page_slot
    mov dx, [di + BDA_CURSORS]
    cmp al, 0x0D
    je tty_return
    cmp al, 0x0A
    je tty_line
    cmp al, 0x08
    je tty_back
    cmp al, 0x07
    je tty_done
    push ax
    call video_segment
    call cell_at
    pop ax
    mov es:[di], al
    inc dl
    cmp dl, [BDA_COLUMNS]
    jb tty_store
    mov dl, 0
tty_line:
    inc dh
    cmp dh, [BDA_ROWS]
    jbe tty_store
    mov dh, [BDA_ROWS]
    push dx
    push bx
    call tty_scroll
    pop bx
    pop dx
tty_store:
    call page_slot
    mov [di + BDA_CURSORS], dx
tty_done:
    ret
tty_return:
    mov dl, 0
    jmp tty_store
tty_back:
    sub dl, 1
    jae tty_store
    ret

; One line up, the new one in the attribute that the cursor's line has. DX = cursor, BH = page.
tty_scroll:
    call video_segment
    call cell_at
    mov bl, es:[di + 1]
    xor cx, cx
    mov dh, [BDA_ROWS]
    mov dl, [BDA_COLUMNS]
    dec dl
    mov al, 1
    jmp scroll_up
