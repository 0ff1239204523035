; The 8042: polled conversations with the controller, the keyboard and the mouse.
; Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
; Every loop is bounded: a controller or device that does not answer costs a few thousand port reads.

.equ KBC_POLLS,         0x2000
.equ KBC_DRAIN,         32              ; bytes an idle controller can hold, with room to spare
.equ KBC_TEST_PASSED,   0x55
.equ KEY_CMD_LEDS,      0xED
.equ KEY_CMD_DEFAULTS,  0xF6
.equ KEY_CMD_ENABLE,    0xF4

; Wait until the controller takes a byte. Carry: it never does. Keeps AX.
kbc_wait_ready:
    push cx
    push ax
    mov cx, KBC_POLLS
kbc_ready_poll:
    in al, KBC_STATUS
    test al, KBC_IN_FULL                ; clears carry
    jz kbc_ready_done
    loop kbc_ready_poll
    stc
kbc_ready_done:
    pop ax
    pop cx
    ret

; AL = command for the controller
kbc_command:
    call kbc_wait_ready
    jc kbc_command_done
    out KBC_COMMAND, al
kbc_command_done:
    ret

; AL = data for the controller, or for the keyboard
kbc_send:
    call kbc_wait_ready
    jc kbc_send_done
    out KBC_DATA, al
kbc_send_done:
    ret

; -> AL = the next byte, AH = the status it came with. Carry: none came.
kbc_receive:
    push cx
    mov cx, KBC_POLLS
kbc_receive_poll:
    in al, KBC_STATUS
    test al, KBC_OUT_FULL
    jnz kbc_receive_take
    loop kbc_receive_poll
    stc
    pop cx
    ret
kbc_receive_take:
    mov ah, al
    in al, KBC_DATA
    clc
    pop cx
    ret

; AL = mode byte
kbc_set_mode:
    push ax
    mov al, KBC_WRITE_MODE
    call kbc_command
    pop ax
    jmp kbc_send

; AL = byte for the keyboard; waits for its acknowledgement. Carry: there was none.
keyboard_send:
    call kbc_send
    jc keyboard_send_done
    call kbc_receive
    jc keyboard_send_done
    cmp al, PS2_ACK
    je keyboard_send_done               ; equal: carry is clear
    stc
keyboard_send_done:
    ret

; Power-on: the controller's self test, the mode byte, keyboard enabled in the translated set.
; The keyboard's own reset is not asked for: it had one with its power, and another takes half a second.
keyboard_init:
    mov cx, KBC_DRAIN
keyboard_drain:
    in al, KBC_STATUS
    test al, KBC_OUT_FULL
    jz keyboard_drained
    in al, KBC_DATA
    loop keyboard_drain
    ret                                 ; always full: nobody there
keyboard_drained:
    mov al, KBC_SELF_TEST
    call kbc_command
    call kbc_receive
    jc keyboard_absent
    cmp al, KBC_TEST_PASSED
    jne keyboard_absent

    mov al, KBC_ENABLE_AUX              ; a controller with a mouse port clears this mode bit
    call kbc_command
    mov al, KBC_READ_MODE
    call kbc_command
    call kbc_receive
    jc keyboard_absent
    test al, KBC_MODE_AUX_OFF
    jnz keyboard_no_aux
    or word ptr [BDA_EQUIPMENT], EQUIP_MOUSE
keyboard_no_aux:
    mov al, KBC_ENABLE_KBD
    call kbc_command
    mov al, KBC_MODE_REST - KBC_MODE_IRQ1
    call kbc_set_mode
    mov al, KEY_CMD_DEFAULTS            ; scan code set 2, normal typematic rate
    call keyboard_send
    mov al, KEY_CMD_ENABLE
    call keyboard_send
    mov al, KBC_MODE_REST
    call kbc_set_mode
    mov al, KBC_WRITE_OUTPUT            ; its A20 gate lets go: port 92h alone decides
    call kbc_command
    mov al, KBC_OUTPUT_NO_A20
    call kbc_send
keyboard_absent:
    ret
