; VGA text modes: the registers of a mode, the cursor, the page on screen.
; Source: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem": register values of the modes.
; Left out: graphics modes and the character generator: the display that this BIOS drives has its own
; glyphs, so no font is loaded into plane 2.

.equ CURSOR_DEFAULT,    0x0607          ; in lines of an 8-line character, as programs expect it
.equ MODE_MASK,         0x7F            ; bit 7 of the mode: keep what is on the screen
.equ LAST_MODE,         7
.equ CRTC_REGISTERS,    25
.equ DISPLAY_VGA_COLOR, 0x08            ; display combination code

; What distinguishes the modes. crtc: its table; segment: where characters live.
.equ MODE_COLUMNS,      0
.equ MODE_PAGE_SIZE,    1               ; word
.equ MODE_CLOCKING,     3               ; sequencer 1
.equ MODE_MISC,         4
.equ MODE_MISC_GC,      5               ; graphics controller 6: which addresses
.equ MODE_ATTRIBUTE,    6               ; attribute controller 10h
.equ MODE_CGA,          7               ; BDA_CRT_MODE
.equ MODE_CRTC,         8               ; word
.equ MODE_PALETTE,      10              ; word
.equ MODE_SIZE,         12

.macro MODE columns, page, clocking, misc, gc, attribute, cga, crtc, palette
    .byte \columns
    .word \page
    .byte \clocking, \misc, \gc, \attribute, \cga
    .word \crtc, \palette
.endm
mode_table:
    MODE 40, 0x0800, 0x08, 0x67, 0x0E, 0x0C, 0x2C, crtc_40, palette_color
    MODE 40, 0x0800, 0x08, 0x67, 0x0E, 0x0C, 0x28, crtc_40, palette_color
    MODE 80, 0x1000, 0x00, 0x67, 0x0E, 0x0C, 0x2D, crtc_80, palette_color
    MODE 80, 0x1000, 0x00, 0x67, 0x0E, 0x0C, 0x29, crtc_80, palette_color
mode_mono:
    MODE 80, 0x1000, 0x00, 0x66, 0x0A, 0x0E, 0x29, crtc_mono, palette_mono

crtc_40:
    .byte 0x2D, 0x27, 0x28, 0x90, 0x2B, 0xA0, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E
    .byte 0x00, 0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x14, 0x1F, 0x96, 0xB9, 0xA3, 0xFF
crtc_80:
    .byte 0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E
    .byte 0x00, 0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF
crtc_mono:
    .byte 0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E
    .byte 0x00, 0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x28, 0x0F, 0x96, 0xB9, 0xA3, 0xFF
palette_color:
    .byte 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07
    .byte 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F
palette_mono:
    .byte 0x00, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08
    .byte 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18

graphics_registers:
    .byte 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0xFF  ; 6 depends on the mode
attribute_registers:
    .byte 0x00, 0x0F, 0x08, 0x00        ; 11h-14h: border, planes, pan (nine dots a character), select

; The first 64 colours: bits 5-0 are r g b (one third) and R G B (two thirds) of full brightness.
palette_dac:
    .set color, 0
    .rept 64
    .byte ((color >> 2) & 1) * 42 + ((color >> 5) & 1) * 21
    .byte ((color >> 1) & 1) * 42 + ((color >> 4) & 1) * 21
    .byte (color & 1) * 42 + ((color >> 3) & 1) * 21
    .set color, color + 1
    .endr

; AL = mode; bit 7: do not clear the screen. A mode that is not text changes nothing.
; Changes all but BP, SP, DS.
video_set_mode:
    movzx bx, al
    and bl, MODE_MASK
    mov si, mode_mono
    mov dx, VGA_CRTC_MONO
    cmp bl, LAST_MODE
    je video_mode_found
    cmp bl, 3
    ja video_mode_refused
    imul si, bx, MODE_SIZE
    add si, mode_table
    mov dx, VGA_CRTC_COLOR
video_mode_found:
    push ax
    mov [BDA_MODE], bl
    mov [BDA_CRTC], dx
    call video_registers
    call video_bda
    pop ax
    test al, 0x80
    jnz video_mode_refused
    call video_segment
    xor di, di
    mov eax, 0x07200720
    mov cx, 0x2000
    rep stosd
video_mode_refused:
    ret

; The data area's view of mode CS:SI
video_bda:
    push ds
    pop es
    mov di, BDA_CURSORS
    xor ax, ax
    mov cx, 8
    rep stosw
    mov [BDA_PAGE_START], ax
    mov [BDA_PAGE], al
    mov al, cs:[si + MODE_COLUMNS]
    mov [BDA_COLUMNS], ax
    mov ax, cs:[si + MODE_PAGE_SIZE]
    mov [BDA_PAGE_SIZE], ax
    mov al, cs:[si + MODE_CGA]
    mov [BDA_CRT_MODE], al
    mov byte ptr [BDA_CRT_PALETTE], 0x30
    mov word ptr [BDA_CURSOR_SHAPE], CURSOR_DEFAULT
    mov byte ptr [BDA_ROWS], 24
    mov word ptr [BDA_CHAR_HEIGHT], 16
    mov byte ptr [BDA_VIDEO_CONTROL], 0x60
    mov byte ptr [BDA_VIDEO_SWITCH], 0xF9
    mov byte ptr [BDA_VIDEO_FLAGS], 0x51
    mov byte ptr [BDA_VIDEO_DCC], DISPLAY_VGA_COLOR
    ret

; Program every register of mode CS:SI; DX = the CRTC's index port. Keeps SI.
video_registers:
    push si
    mov bx, dx
    mov dx, VGA_SEQUENCER
    mov ax, 0x0100                      ; synchronous reset while the clock changes
    out dx, ax
    mov al, 0x01
    mov ah, cs:[si + MODE_CLOCKING]
    out dx, ax
    mov ax, 0x0302                      ; planes 0 and 1: characters and attributes
    out dx, ax
    mov ax, 0x0003
    out dx, ax
    mov ax, 0x0204
    out dx, ax
    mov al, cs:[si + MODE_MISC]
    mov dx, VGA_MISC_WRITE
    out dx, al
    mov dx, VGA_SEQUENCER
    mov ax, 0x0300
    out dx, ax

    mov dx, bx
    mov ax, 0x0011                      ; unlock CRTC 0-7
    out dx, ax
    mov di, cs:[si + MODE_CRTC]
    mov al, 0
video_crtc_next:
    mov ah, cs:[di]
    out dx, ax
    inc di
    inc ax
    cmp al, CRTC_REGISTERS
    jb video_crtc_next

    mov dx, VGA_GRAPHICS
    mov di, graphics_registers
    mov al, 0
video_graphics_next:
    mov ah, cs:[di]
    out dx, ax
    inc di
    inc ax
    cmp al, 9
    jb video_graphics_next
    mov al, 6
    mov ah, cs:[si + MODE_MISC_GC]
    out dx, ax

    lea dx, [bx + VGA_STATUS1]
    in al, dx                           ; the next write to 3C0h is an index
    mov dx, VGA_AC_WRITE
    mov di, cs:[si + MODE_PALETTE]
    mov ah, 0
    mov bl, 0x10
    call video_attributes
    mov al, 0x10
    out dx, al
    mov al, cs:[si + MODE_ATTRIBUTE]
    out dx, al
    mov di, attribute_registers
    mov ah, 0x11
    mov bl, 0x15
    call video_attributes
    mov al, 0x20                        ; screen on
    out dx, al

    mov dx, VGA_DAC_MASK
    mov al, 0xFF
    out dx, al
    mov dx, VGA_DAC_WRITE
    mov al, 0
    out dx, al
    inc dx
    mov si, palette_dac
    mov cx, 192
    rep cs outsb
    pop si
    ret

; Attribute registers AH to BL - 1 from CS:DI; DX = VGA_AC_WRITE, which takes an index next. Changes AL.
video_attributes:
    mov al, ah
    out dx, al
    mov al, cs:[di]
    out dx, al
    inc di
    inc ah
    cmp ah, bl
    jb video_attributes
    ret

; -> ES = segment of the screen's memory. Changes AX.
video_segment:
    mov ax, 0xB800
    cmp byte ptr [BDA_MODE], LAST_MODE
    jne video_segment_color
    mov ah, 0xB0
video_segment_color:
    mov es, ax
    ret

; AL = CRTC register, CX = value for it and the next one, high byte first. Changes AX, DX.
crtc_write_pair:
    mov dx, [BDA_CRTC]
    mov ah, ch
    out dx, ax
    inc ax
    mov ah, cl
    out dx, ax
    ret
