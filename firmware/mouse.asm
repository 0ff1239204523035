; INT 15h/C2h and IRQ 12: a PS/2 mouse on the 8042's auxiliary port.
; Sources: IBM BIOS Interface Technical Reference, INT 15h/C2h; IBM PS/2 mouse command set.
; While we talk to the mouse the keyboard is held off, so that its bytes are not mistaken for answers.

.equ MOUSE_BAD_FUNCTION,    0x01        ; as AH returns them
.equ MOUSE_BAD_INPUT,       0x02
.equ MOUSE_FAILED,          0x03
.equ MOUSE_NO_HANDLER,      0x05
.equ MOUSE_FUNCTIONS,       8
.equ MOUSE_CMD_SCALE_1,     0xE6
.equ MOUSE_CMD_SCALE_2,     0xE7
.equ MOUSE_CMD_RESOLUTION,  0xE8
.equ MOUSE_CMD_STATUS,      0xE9
.equ MOUSE_CMD_ID,          0xF2
.equ MOUSE_CMD_RATE,        0xF3
.equ MOUSE_CMD_ENABLE,      0xF4
.equ MOUSE_CMD_DISABLE,     0xF5
.equ MOUSE_CMD_RESET,       0xFF
.equ MOUSE_RESET_WAITS,     100         ; times KBC_POLLS: a self test takes half a second
.equ MOUSE_SYNC,            0x08        ; always set in a packet's first byte

int15_mouse:
    cmp al, MOUSE_FUNCTIONS
    mov ah, MOUSE_BAD_FUNCTION
    jae mouse_error
    test word ptr [BDA_EQUIPMENT], EQUIP_MOUSE
    mov ah, MOUSE_FAILED
    jz mouse_error
    push fs
    mov fs, [BDA_EBDA]
    movzx di, al
    shl di, 1
    call word ptr cs:[di + mouse_table]
    pop fs
    jc mouse_error
    jmp int15_ok
mouse_error:
    mov [bp + R_AH], ah
    RETURN_CARRY
    ret

; Each: FS = extended data area -> carry: AH = error
mouse_table:
    .word mouse_enable, mouse_reset, mouse_rate, mouse_resolution
    .word mouse_identify, mouse_initialize, mouse_extended, mouse_set_handler

mouse_enable:                           ; 00h BH = 1 on, 0 off
    mov al, MOUSE_CMD_DISABLE
    cmp bh, 1
    ja mouse_bad_input
    jb mouse_simple
    test byte ptr fs:[EBDA_MOUSE_FLAGS], MOUSE_HANDLER
    mov ah, MOUSE_NO_HANDLER
    stc
    jz mouse_enable_done
    mov al, MOUSE_CMD_ENABLE
    ; fall through

; AL = a command without parameters
mouse_simple:
    call mouse_begin
    call mouse_send
    jmp mouse_end
mouse_enable_done:
    ret

mouse_bad_input:
    mov ah, MOUSE_BAD_INPUT
    stc
    ret

mouse_initialize:                       ; 05h BH = bytes a packet
    dec bh
    cmp bh, 8
    jae mouse_bad_input
    and byte ptr fs:[EBDA_MOUSE_FLAGS], MOUSE_HANDLER
    or fs:[EBDA_MOUSE_FLAGS], bh
    ; fall through

mouse_reset:                            ; 01h -> BX = AAh, kind
    call mouse_begin
    mov al, MOUSE_CMD_RESET
    call mouse_send
    jc mouse_end
    mov cx, MOUSE_RESET_WAITS
mouse_reset_wait:
    call kbc_receive
    jnc mouse_reset_answer
    loop mouse_reset_wait
    jmp mouse_end
mouse_reset_answer:
    mov [bp + R_BL], al
    call kbc_receive
    jc mouse_end
    mov [bp + R_BH], al
    mov byte ptr fs:[EBDA_MOUSE_INDEX], 0
    jmp mouse_end

mouse_rate:                             ; 02h BH = 0-6: 10, 20, 40, 60, 80, 100, 200 a second
    cmp bh, 7
    jae mouse_bad_input
    movzx di, bh
    mov ah, cs:[di + mouse_rates]
    mov al, MOUSE_CMD_RATE
    jmp mouse_parameter
mouse_rates:
    .byte 10, 20, 40, 60, 80, 100, 200

mouse_resolution:                       ; 03h BH = 0-3: 1, 2, 4, 8 counts a millimetre
    cmp bh, 4
    jae mouse_bad_input
    mov ah, bh
    mov al, MOUSE_CMD_RESOLUTION
    ; fall through

; AL = command, AH = its parameter
mouse_parameter:
    call mouse_begin
    push ax
    call mouse_send
    pop ax
    jc mouse_end
    mov al, ah
    call mouse_send
    jmp mouse_end

mouse_identify:                         ; 04h -> BH = kind
    call mouse_begin
    mov al, MOUSE_CMD_ID
    call mouse_send
    jc mouse_end
    call kbc_receive
    mov [bp + R_BH], al
    jmp mouse_end

mouse_extended:                         ; 06h BH = 0 -> BL, CL, DL = status; 1, 2: scaling
    mov al, MOUSE_CMD_SCALE_1
    cmp bh, 1
    je mouse_simple
    mov al, MOUSE_CMD_SCALE_2
    cmp bh, 2
    je mouse_simple
    ja mouse_bad_input
    call mouse_begin
    mov al, MOUSE_CMD_STATUS
    call mouse_send
    jc mouse_end
    call kbc_receive
    jc mouse_end
    mov [bp + R_BL], al
    call kbc_receive
    jc mouse_end
    mov [bp + R_CL], al
    call kbc_receive
    mov [bp + R_DL], al
    jmp mouse_end

mouse_set_handler:                      ; 07h ES:BX = handler, 0:0 = none
    pushf
    cli
    and byte ptr fs:[EBDA_MOUSE_FLAGS], 0xFF - MOUSE_HANDLER
    mov fs:[EBDA_MOUSE], bx
    mov fs:[EBDA_MOUSE + 2], es
    mov ax, es
    or ax, bx
    jz mouse_set_done
    or byte ptr fs:[EBDA_MOUSE_FLAGS], MOUSE_HANDLER
mouse_set_done:
    popf
    clc
    ret

; Start a conversation: keyboard off, mouse port on, no interrupts from either. Interrupts stay off until
; the caller's IRET. Keeps AX.
mouse_begin:
    cli
    push ax
    mov al, KBC_DISABLE_KBD
    call kbc_command
    mov al, KBC_ENABLE_AUX
    call kbc_command
    mov al, 0x54                        ; translate, keyboard off, system flag
    call kbc_set_mode
    pop ax
    ret

; End it: carry says how it went -> carry, AH. The mouse may interrupt from now on.
mouse_end:
    pushf
    mov al, 0x47                        ; translate, system flag, IRQ12, IRQ1
    call kbc_set_mode
    in al, PIC2_DATA
    and al, 0xEF
    out PIC2_DATA, al
    in al, PIC1_DATA
    and al, 0xFB
    out PIC1_DATA, al
    mov ah, MOUSE_FAILED
    popf
    ret

; AL = byte for the mouse; waits for its acknowledgement. Carry: there was none. Changes AX.
mouse_send:
    push ax
    mov al, KBC_WRITE_AUX
    call kbc_command
    pop ax
    jmp keyboard_send

; IRQ 12: collect a packet, hand it to the driver's handler as four words on the stack.
irq12:
    ENTER_SERVICE
    push fs
    mov fs, [BDA_EBDA]
    in al, KBC_STATUS
    and al, KBC_OUT_FULL | KBC_FROM_AUX
    cmp al, KBC_OUT_FULL | KBC_FROM_AUX
    jne irq12_done                      ; the byte was taken by mouse_send
    in al, KBC_DATA
    movzx bx, byte ptr fs:[EBDA_MOUSE_INDEX]
    mov cl, fs:[EBDA_MOUSE_FLAGS]
    test bl, bl
    jnz irq12_store
    mov ch, cl
    and ch, 0x07
    cmp ch, 2
    jne irq12_store
    test al, MOUSE_SYNC                 ; three bytes, the first of them marked: out of step
    jz irq12_done
irq12_store:
    mov fs:[bx + EBDA_MOUSE_DATA], al
    inc bl
    mov fs:[EBDA_MOUSE_INDEX], bl
    mov ch, cl
    and ch, 0x07
    cmp bl, ch
    jbe irq12_done
    mov byte ptr fs:[EBDA_MOUSE_INDEX], 0
    test cl, MOUSE_HANDLER
    jz irq12_done
    mov ah, 0
    mov al, fs:[EBDA_MOUSE_DATA]
    push ax
    mov al, fs:[EBDA_MOUSE_DATA + 1]
    push ax
    mov al, fs:[EBDA_MOUSE_DATA + 2]
    push ax
    push 0
    lcall fs:[EBDA_MOUSE]
    lea sp, [bp - 2]                    ; handlers may return with RETF or RETF 8
irq12_done:
    call eoi_both
    pop fs
    LEAVE_SERVICE
