; INT 10h/10h-12h, 1Ah, 1Bh: palette, text height, what kind of display this is.
; Source: IBM BIOS Interface Technical Reference, INT 10h; VGA registers as in video.asm.
; Left out: user fonts (the display has its own glyphs; only the number of lines follows the request),
; gray summing, palette pages.

.equ VIDEO_SWITCHES,    0x09

; A sub-function table: AL of the caller -> handler, ends with FFh.
.macro SUBFUNCTION number, handler
    .byte \number
    .word \handler
.endm

; CS:DI = such a table, AL = number: go there, or return when it is not listed
subfunction:
    cmp byte ptr cs:[di], 0xFF
    je subfunction_none
    cmp al, cs:[di]
    je subfunction_found
    add di, 3
    jmp subfunction
subfunction_found:
    jmp word ptr cs:[di + 1]
subfunction_none:
    ret

int10_palette:                          ; 10h
    mov di, palette_functions
    jmp subfunction
palette_functions:
    SUBFUNCTION 0x00, palette_set
    SUBFUNCTION 0x01, palette_border
    SUBFUNCTION 0x02, palette_set_all
    SUBFUNCTION 0x03, palette_blink
    SUBFUNCTION 0x07, palette_get
    SUBFUNCTION 0x08, palette_get_border
    SUBFUNCTION 0x10, dac_set
    SUBFUNCTION 0x12, dac_set_block
    SUBFUNCTION 0x15, dac_get
    SUBFUNCTION 0x17, dac_get_block
    .byte 0xFF

; Attribute register BL = BH. Changes AL, CX, DX.
palette_set:
    call attribute_index
    mov al, bl
    and al, 0x1F
    out dx, al
    mov al, bh
    out dx, al
attribute_end:
    mov al, 0x20                        ; the palette belongs to the display again
    out dx, al
    ret

; The next write to port DX = 3C0h is an index. Changes AL.
attribute_index:
    mov dx, [BDA_CRTC]
    add dx, VGA_STATUS1
    in al, dx
    mov dx, VGA_AC_WRITE
    ret

palette_border:                         ; BH
    mov bl, 0x11
    jmp palette_set

palette_set_all:                        ; ES:DX = 16 palette registers and the border
    mov si, dx
    mov bl, 0
palette_all_next:
    mov bh, es:[si]
    inc si
    call palette_set
    inc bl
    cmp bl, 0x10
    jb palette_all_next
    mov bh, es:[si]
    jmp palette_border

palette_blink:                          ; BL = 1: attribute bit 7 blinks; 0: bright background
    and bl, 1
    shl bl, 3
    push bx
    mov bl, 0x10
    call attribute_get
    pop bx
    and al, 0xF7
    or al, bl
    mov bh, al
    mov bl, 0x10
    and byte ptr [BDA_CRT_MODE], 0xDF
    test bh, 0x08
    jz palette_set
    or byte ptr [BDA_CRT_MODE], 0x20
    jmp palette_set

palette_get_border:                     ; -> BH
    mov bl, 0x11
palette_get:                            ; BL = register -> BH
    call attribute_get
    mov [bp + R_BH], al
    ret

; BL = attribute register -> AL = its value. Changes AH, DX.
attribute_get:
    call attribute_index
    mov al, bl
    and al, 0x1F
    out dx, al
    inc dx
    in al, dx
    mov ah, al
    call attribute_index
    call attribute_end
    mov al, ah
    ret

dac_set:                                ; BX = register, DH = red, CH = green, CL = blue
    mov ah, dh
    mov dx, VGA_DAC_WRITE
    mov al, bl
    out dx, al
    inc dx
    mov al, ah
    out dx, al
    mov al, ch
    out dx, al
    mov al, cl
    out dx, al
    ret

dac_get:                                ; BX = register -> DH, CH, CL
    mov dx, VGA_DAC_READ
    mov al, bl
    out dx, al
    mov dx, VGA_DAC_DATA
    in al, dx
    mov [bp + R_DH], al
    in al, dx
    mov [bp + R_CH], al
    in al, dx
    mov [bp + R_CL], al
    ret

dac_set_block:                          ; BX = first, CX = registers, ES:DX = triples
    mov si, dx
    mov dx, VGA_DAC_WRITE
    mov al, bl
    out dx, al
    inc dx
    imul cx, cx, 3
    rep es outsb
    ret

dac_get_block:                          ; BX = first, CX = registers, ES:DX = room
    mov di, dx
    mov dx, VGA_DAC_READ
    mov al, bl
    out dx, al
    mov dx, VGA_DAC_DATA
    imul cx, cx, 3
    rep insb
    ret

; 11h: fonts. Loading one of the ROM's changes the height of a line; 30h tells where fonts would be.
int10_font:
    mov di, font_functions
    jmp subfunction
font_functions:
    SUBFUNCTION 0x11, font_14
    SUBFUNCTION 0x12, font_8
    SUBFUNCTION 0x14, font_16
    SUBFUNCTION 0x30, font_info
    .byte 0xFF

font_8:
    mov bl, 8
    jmp font_height
font_14:
    mov bl, 14
    jmp font_height
font_16:
    mov bl, 16

; BL = height of a character: as many lines as fit into 400
font_height:
    mov [BDA_CHAR_HEIGHT], bl
    mov dx, [BDA_CRTC]
    mov al, CRTC_MAX_SCAN
    out dx, al
    inc dx
    in al, dx
    and al, 0xE0
    add al, bl
    dec ax
    out dx, al
    mov ax, 400
    div bl
    mov bh, al
    dec ax
    mov [BDA_ROWS], al
    mov al, bh                          ; the last scan line shown, should lines not fill the 400
    mul bl
    dec ax
    mov ah, al
    mov al, CRTC_VDE_END
    dec dx
    out dx, ax
    mov al, [BDA_COLUMNS]
    mul bh
    shl ax, 1
    add ax, 0xFF                        ; pages start at multiples of 256
    mov al, 0
    mov [BDA_PAGE_SIZE], ax
    mov word ptr [BDA_CURSOR_SHAPE], CURSOR_DEFAULT
    jmp cursor_show_shape

font_info:                              ; -> CX = bytes a character, DL = rows less one, ES:BP
    mov ax, [BDA_CHAR_HEIGHT]
    mov [bp + R_CX], ax
    mov al, [BDA_ROWS]
    mov [bp + R_DL], al
    push ds
    xor di, di
    mov ds, di
    les di, [0x43 * 4]
    pop ds
    mov [bp + R_ES], es
    mov [bp + R_BP], di
    ret

; 12h BL: alternate select
int10_alternate:
    cmp bl, 0x10
    jb int10_nothing
    je alternate_info
    cmp bl, 0x36
    ja int10_nothing
    cmp bl, 0x30
    jb int10_nothing
    mov byte ptr [bp + R_AL], 0x12      ; accepted; nothing of it changes a text screen here
    ret
alternate_info:                         ; -> BH = 0: colour, BL = 3: 256 KiB, CX = switches
    mov word ptr [bp + R_BX], 0x0003
    mov word ptr [bp + R_CX], VIDEO_SWITCHES
    ret

int10_display_code:                     ; 1Ah AL = 0 -> BL = active, BH = other; 1: set
    cmp al, 1
    ja int10_nothing
    je display_code_set
    mov al, [BDA_VIDEO_DCC]
    mov ah, 0
    mov [bp + R_BX], ax
    jmp display_code_done
display_code_set:
    mov [BDA_VIDEO_DCC], bl
display_code_done:
    mov byte ptr [bp + R_AL], 0x1A
    ret

; 1Bh BX = 0, ES:DI = 64 bytes: everything at once
int10_state:
    test bx, bx
    jnz int10_nothing
    mov di, [bp + R_DI]
    mov ax, state_static
    stosw
    mov ax, cs
    stosw
    mov si, BDA_MODE                    ; mode to palette: 30 bytes as they stand in the data area
    mov cx, 30
    rep movsb
    mov al, [BDA_ROWS]
    inc ax
    stosb
    mov ax, [BDA_CHAR_HEIGHT]
    stosw
    mov al, [BDA_VIDEO_DCC]
    mov ah, 0
    stosw
    mov si, state_tail
    mov cx, 25
    rep cs movsb
    mov byte ptr [bp + R_AL], 0x1B
    ret

; colours u16, pages, scan lines (2: 400), two character blocks, miscellany, 3 reserved, memory (3: 256
; KiB), save pointers, 13 reserved
state_tail:
    .word 16
    .byte 8, 2, 0, 0, 0x01
    .byte 0, 0, 0, 3, 0
    .fill 13, 1, 0
state_static:
    .byte 0x8F, 0x00, 0x00              ; modes 0-3 and 7
    .byte 0, 0, 0, 0
    .byte 0x04                          ; 400 scan lines
    .byte 2, 8                          ; character blocks
    .byte 0x00, 0x0E                    ; functions
    .byte 0, 0, 0, 0
