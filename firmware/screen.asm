; Cells and rectangles of cells of a text screen: INT 10h/06h-0Ah, 13h.
; Source: IBM BIOS Interface Technical Reference, INT 10h.

.equ SCREEN_BYTES,      0x8000          ; B8000h-BFFFFh

int10_scroll_up:                        ; 06h AL = lines, BH = attribute, CX-DX = rectangle
    mov si, scroll_up
    jmp int10_scroll
int10_scroll_down:                      ; 07h
    mov si, scroll_down
int10_scroll:
    mov bl, bh
    mov bh, [BDA_PAGE]
    push ax
    call video_segment
    pop ax
    jmp si

; Scroll the rectangle from CX (top left) to DX (bottom right) of page BH by AL lines; 0, or more than
; there are, clears it. The lines that come in are blanks with attribute BL. ES = screen.
; Changes AX, CX, DX, SI, DI.
scroll_up:
    call scroll_clip
    jc scroll_done
    mov si, [BDA_COLUMNS]
    shl si, 1                           ; SI = from each line to the one handled next
    jmp scroll
scroll_down:
    call scroll_clip
    jc scroll_done
    mov dh, ch                          ; from the bottom up
    mov si, [BDA_COLUMNS]
    shl si, 1
    neg si

; AH = lines to move, AL = lines to clear, CL = columns, DX = where to start
scroll:
    mov ch, 0
    push ax
    call cell_at
    pop ax
    movzx dx, al
    imul dx, si                         ; from a line's new place to its old one
scroll_move:
    sub ah, 1
    jb scroll_clear
    push cx
    push si
    push di
    mov si, di
    add si, dx
    rep es movsw
    pop di
    pop si
    pop cx
    add di, si
    jmp scroll_move
scroll_clear:
    mov dl, al
    mov al, ' '
    mov ah, bl
scroll_clear_next:
    push cx
    push di
    rep stosw
    pop di
    pop cx
    add di, si
    dec dl
    jnz scroll_clear_next
scroll_done:
    ret

; AL = lines, CX-DX = rectangle -> AL = lines to clear, AH = lines to move, CL = columns, CH = bottom
; row, DX = top left. Carry: nothing of it is on the screen.
scroll_clip:
    cmp dh, [BDA_ROWS]
    jbe scroll_clip_right
    mov dh, [BDA_ROWS]
scroll_clip_right:
    cmp dl, [BDA_COLUMNS]
    jb scroll_clip_empty
    mov dl, [BDA_COLUMNS]
    dec dl
scroll_clip_empty:
    cmp dh, ch
    jb scroll_clip_done
    cmp dl, cl
    jb scroll_clip_done
    mov ah, dh
    sub ah, ch
    inc ah                              ; AH = lines there are
    xchg ch, dh                         ; CH = bottom row, DH = top row
    xchg cl, dl
    sub cl, dl
    inc cl
    dec al                              ; 0 becomes the largest
    cmp al, ah
    jb scroll_clip_some
    mov al, ah
    dec al
scroll_clip_some:
    inc al
    sub ah, al
    clc
scroll_clip_done:
    ret

int10_read_cell:                        ; 08h BH = page -> AL = character, AH = attribute
    call video_segment
    call cell_address
    mov ax, es:[di]
    mov [bp + R_AX], ax
    ret

int10_write_cell:                       ; 09h AL, BL = attribute, BH = page, CX = times
    call cells_from_cursor
    mov al, [bp + R_AL]
    mov ah, bl
    rep stosw
    ret

int10_write_char:                       ; 0Ah AL, BH = page, CX = times; attributes stay
    call cells_from_cursor
    jcxz int10_write_done
    mov al, [bp + R_AL]
int10_write_next:
    stosb
    inc di
    loop int10_write_next
int10_write_done:
    ret

; BH = page, CX = cells -> ES:DI = the cell under its cursor, CX = no more cells than memory has.
; Changes AX, DX.
cells_from_cursor:
    call video_segment
    call cell_address
    mov ax, SCREEN_BYTES
    sub ax, di
    jae cells_from_cursor_room
    xor ax, ax
cells_from_cursor_room:
    shr ax, 1
    cmp cx, ax
    jbe cells_from_cursor_fit
    mov cx, ax
cells_from_cursor_fit:
    ret

; 13h: CX characters at ES:BP to page BH from DX on. AL bit 0: leave the cursor behind them; bit 1: each
; is followed by its attribute, else all have BL.
.equ STRING_MOVE,       0x01
.equ STRING_ATTRIBUTES, 0x02

int10_string:
    call page_slot
    mov ax, [di + BDA_CURSORS]
    mov [bp + R_SCRATCH], ax
    mov [di + BDA_CURSORS], dx
    mov si, [bp + R_BP]
    jcxz int10_string_end
int10_string_next:
    mov es, [bp + R_ES]
    mov al, es:[si]
    inc si
    mov ah, bl
    test byte ptr [bp + R_AL], STRING_ATTRIBUTES
    jz int10_string_put
    mov ah, es:[si]
    inc si
int10_string_put:
    push bx
    push cx
    push si
    call styled_put
    pop si
    pop cx
    pop bx
    loop int10_string_next
int10_string_end:
    test byte ptr [bp + R_AL], STRING_MOVE
    jnz int10_string_show
    call page_slot
    mov ax, [bp + R_SCRATCH]
    mov [di + BDA_CURSORS], ax
int10_string_show:
    jmp cursor_show

; As tty_put, but with attribute AH for what is no control character
styled_put:
    cmp al, 0x0D
    je tty_put
    cmp al, 0x0A
    je tty_put
    cmp al, 0x08
    je tty_put
    cmp al, 0x07
    je tty_put
    push ax
    call video_segment
    call cell_address
    pop ax
    mov es:[di + 1], ah
    jmp tty_put
