; INT 16h: keyboard.
; Source: IBM BIOS Interface Technical Reference, INT 16h.
; Left out: 04h (click) and the country functions; 03h (typematic rate) is accepted and changes nothing.

.equ KEYBOARD_ID,       0x41AB          ; an MF2 keyboard seen through translation
.equ KEYBOARD_SERVICES, 0x30            ; bits 5, 4: 10h-12h and 0Ah are there

int16:
    ENTER_SERVICE
    mov di, int16_table
int16_find:
    cmp ah, cs:[di]
    je int16_found
    add di, 3
    cmp di, int16_table_end
    jb int16_find
    LEAVE_SERVICE
int16_found:
    call word ptr cs:[di + 1]
    LEAVE_SERVICE

int16_table:
    SERVICE 0x01, int16_peek
    SERVICE 0x11, int16_peek
    SERVICE 0x00, int16_read
    SERVICE 0x10, int16_read
    SERVICE 0x02, int16_flags
    SERVICE 0x12, int16_all_flags
    SERVICE 0x05, int16_store
    SERVICE 0x09, int16_services
    SERVICE 0x0A, int16_id
int16_table_end:

int16_read:                             ; 00h, 10h: wait for a key -> AX
    cli
    call key_first
    jnz int16_take
    sti
    hlt                                 ; STI lets no interrupt in before it: none is missed
    jmp int16_read
int16_take:
    mov [BDA_KEY_HEAD], bx
    call key_form
    jc int16_read
    mov [bp + R_AX], cx
    ret

int16_peek:                             ; 01h, 11h -> zero flag: nothing there, else AX
    cli
    call key_first
    jz int16_nothing
    call key_form
    jnc int16_there
    mov [BDA_KEY_HEAD], bx              ; one that this caller may not see: drop it
    jmp int16_peek
int16_there:
    mov [bp + R_AX], cx
    and byte ptr [bp + R_FLAGS], 0xFF - FLAG_ZERO
    ret
int16_nothing:
    or byte ptr [bp + R_FLAGS], FLAG_ZERO
    ret

; -> CX = the oldest entry, BX = the place after it. Zero flag: the buffer is empty.
key_first:
    mov bx, [BDA_KEY_HEAD]
    cmp bx, [BDA_KEY_TAIL]
    je key_first_done
    mov cx, [bx]
    call key_next
    or bp, bp                           ; never zero
key_first_done:
    ret

; CX = entry -> CX as the function in the frame's AH shows it. Carry: 00h and 01h do not show it.
key_form:
    test byte ptr [bp + R_AH], 0x10
    jnz key_form_extended
    cmp ch, 0xE0                        ; keypad Enter and slash, as the main keys' twins
    je key_form_pad
    cmp ch, 0x84
    ja key_form_hide
    test ch, ch
    jz key_form_show                    ; typed with Alt and the keypad: any character
    cmp cl, 0xF0
    je key_form_hide
    cmp cl, 0xE0
    jne key_form_show
    mov cl, 0
key_form_show:
    clc
    ret
key_form_pad:
    mov ch, 0x35
    cmp cl, 0x2F
    je key_form_show
    mov ch, 0x1C
    clc
    ret
key_form_hide:
    stc
    ret
key_form_extended:
    cmp cl, 0xF0
    jne key_form_show
    test ch, ch
    jz key_form_show
    mov cl, 0
    clc
    ret

int16_flags:                            ; 02h -> AL
    mov al, [BDA_KEY_FLAGS]
    mov [bp + R_AL], al
    ret

int16_all_flags:                        ; 12h -> AL, AH = SysReq, locks held, Alt and Ctrl by side
    mov al, [BDA_KEY_FLAGS]
    mov ah, [BDA_KEY_DOWN]
    mov bl, ah
    and ah, 0x73                        ; Caps, Num, Scroll held; left Alt, left Ctrl
    test bl, DOWN_SYSREQ
    jz int16_no_sysreq
    or ah, 0x80
int16_no_sysreq:
    mov bl, [BDA_KEY_MODE]
    and bl, MODE_RALT | MODE_RCTRL
    or ah, bl
    mov [bp + R_AX], ax
    ret

int16_store:                            ; 05h CX -> AL = 1: the buffer is full
    cli
    mov byte ptr [bp + R_AL], 1
    mov si, [BDA_KEY_TAIL]
    call key_store_any
    cmp si, [BDA_KEY_TAIL]
    je int16_stored
    mov byte ptr [bp + R_AL], 0
int16_stored:
    ret

int16_services:                         ; 09h -> AL
    mov byte ptr [bp + R_AL], KEYBOARD_SERVICES
    ret

int16_id:                               ; 0Ah -> BX
    mov word ptr [bp + R_BX], KEYBOARD_ID
    ret
