; IRQ 1: scan codes become entries of the keyboard buffer and bits of the keyboard flags.
; Source: IBM BIOS Interface Technical Reference, INT 09h and INT 15h/4Fh; key meanings in keytable.asm.
; Left out: the beep of a full buffer, typematic control.

.equ SCAN_RELEASE,      0x80
.equ SCAN_CTRL,         0x1D
.equ SCAN_NUM_LOCK,     0x45
.equ SCAN_SCROLL_LOCK,  0x46
.equ SCAN_HOME,         0x47
.equ SCAN_DELETE,       0x53
.equ SCAN_INSERT,       0x52
.equ SCAN_PRINT,        0x37
.equ SCAN_SYSREQ,       0x54
.equ SCAN_E0,           0xE0
.equ SCAN_E1,           0xE1
.equ SCAN_OVERRUN,      0xFF

irq1:
    ENTER_SERVICE
    mov al, [BDA_KEY_DOWN]
    mov [bp + R_SCRATCH], al
    in al, KBC_DATA
    mov ah, 0x4F                        ; let a program see, change or swallow it
    stc
    int 0x15
    jnc irq1_done
    call key_event
irq1_done:
    mov al, PIC_EOI
    out PIC1_COMMAND, al
    test byte ptr [bp + R_SCRATCH], DOWN_PAUSED
    jnz irq1_return                     ; an interrupt during a pause does not wait as well
irq1_paused:                            ; until another key comes; that one is swallowed
    test byte ptr [BDA_KEY_DOWN], DOWN_PAUSED
    jz irq1_return
    sti
    hlt
    cli
    jmp irq1_paused
irq1_return:
    LEAVE_SERVICE

; AL = what the keyboard sent
key_event:
    cmp al, PS2_ACK
    je key_ack
    cmp al, PS2_RESEND
    je key_resend
    cmp al, SCAN_OVERRUN
    je key_ignore
    mov bl, MODE_E0
    cmp al, SCAN_E0
    je key_prefix
    mov bl, MODE_E1
    cmp al, SCAN_E1
    je key_prefix

    mov ah, [BDA_KEY_MODE]              ; AH = prefixes that came before, for the rest of this file
    test ah, MODE_E1
    jnz key_after_e1
    and byte ptr [BDA_KEY_MODE], 0xFF - MODE_E0
    test ah, MODE_E0
    jz key_find
    mov bl, al
    and bl, 0xFF - SCAN_RELEASE
    cmp bl, 0x2A                        ; E0 2A, E0 36 wrap the gray keys for XT programs
    je key_ignore
    cmp bl, 0x36
    je key_ignore
key_find:
    call shift_key
    jnc key_ignore
    call lock_key
    test al, SCAN_RELEASE
    jz key_pressed
    cmp al, SCAN_SYSREQ + SCAN_RELEASE
    jne key_ignore
    mov ax, 0x8501
    int 0x15
    ret

key_prefix:
    or [BDA_KEY_MODE], bl
key_ignore:
    ret

; Pause sends E1 1D 45 E1 9D C5.
key_after_e1:
    cmp al, SCAN_CTRL
    je key_ignore
    cmp al, SCAN_CTRL + SCAN_RELEASE
    je key_ignore
    and byte ptr [BDA_KEY_MODE], 0xFF - MODE_E1
    cmp al, SCAN_NUM_LOCK
    jne key_ignore
key_pause:
    or byte ptr [BDA_KEY_DOWN], DOWN_PAUSED
    ret

; Shift, Ctrl, Alt. Carry: AL is none of them. Keeps AX.
shift_key:
    mov bl, al
    and bl, 0xFF - SCAN_RELEASE
    mov si, shift_table
shift_find:
    cmp bl, cs:[si]
    je shift_found
    add si, 4
    cmp si, shift_table_end
    jb shift_find
    stc
    ret
shift_found:
    mov bl, cs:[si + 1]
    mov bh, cs:[si + 2]
    mov di, BDA_KEY_DOWN                ; the left key's bit ...
    test ah, MODE_E0
    jz shift_side
    mov bh, cs:[si + 3]
    mov di, BDA_KEY_MODE                ; ... or the right one's
shift_side:
    test al, SCAN_RELEASE
    jnz shift_released
    or [BDA_KEY_FLAGS], bl
    or [di], bh
    ret                                 ; OR cleared carry
shift_released:
    not bh
    and [di], bh
    mov bh, cs:[si + 2]                 ; the other one of a pair may still be down
    test [BDA_KEY_DOWN], bh
    jnz shift_done
    mov bh, cs:[si + 3]
    test [BDA_KEY_MODE], bh
    jnz shift_done
    not bl
    and [BDA_KEY_FLAGS], bl
    cmp bl, 0xFF - KEY_ALT
    jne shift_done
    xor cx, cx                          ; Alt is up: the number typed on the keypad is a character
    xchg cl, [BDA_KEYPAD]
    jcxz shift_done
    call key_store
shift_done:
    clc
    ret

; Caps, Num, Scroll Lock, Insert: note that they are down, toggle on the first make code. Keeps AX.
lock_key:
    mov bl, al
    and bl, 0xFF - SCAN_RELEASE
    cmp bl, SCAN_INSERT
    je lock_search
    test ah, MODE_E0                    ; E0 46 is Break
    jnz lock_done
lock_search:
    mov si, lock_table
lock_find:
    cmp bl, cs:[si]
    je lock_found
    add si, 2
    cmp si, lock_table_end
    jb lock_find
lock_done:
    ret
lock_found:
    mov bl, cs:[si + 1]
    test al, SCAN_RELEASE
    jz lock_pressed
    not bl
    and [BDA_KEY_DOWN], bl
    ret
lock_pressed:
    test byte ptr [BDA_KEY_FLAGS], KEY_CTRL
    jnz lock_done                       ; Ctrl-Num Lock and Ctrl-Scroll Lock mean Pause and Break
    cmp bl, KEY_INSERT
    jne lock_toggle
    test byte ptr [BDA_KEY_FLAGS], KEY_ALT
    jnz lock_done
    test ah, MODE_E0
    jnz lock_toggle
    call keypad_shifted                 ; the keypad's 0
    jnz lock_done
lock_toggle:
    test [BDA_KEY_DOWN], bl
    jnz lock_done                       ; typematic repeat
    or [BDA_KEY_DOWN], bl
    xor [BDA_KEY_FLAGS], bl
    ; fall through: the indicators may have to change

; Make the indicators show the lock bits: the command now, its argument when the keyboard acknowledges.
; Keeps AX.
leds_update:
    mov bl, [BDA_KEY_FLAGS]
    shr bl, 4
    mov bh, [BDA_KEY_LEDS]
    test bh, LEDS_PENDING
    jnz leds_done                       ; the argument is taken when it goes out
    xor bl, bh
    test bl, LEDS_SHOWN
    jz leds_done
    or byte ptr [BDA_KEY_LEDS], LEDS_PENDING
    push ax
    mov al, KEY_CMD_LEDS
    call kbc_send
    pop ax
leds_done:
    ret

key_ack:
    or byte ptr [BDA_KEY_LEDS], LEDS_ACK
    test byte ptr [BDA_KEY_LEDS], LEDS_PENDING
    jz key_ack_done
    mov al, [BDA_KEY_FLAGS]
    shr al, 4
    and al, LEDS_SHOWN
    and byte ptr [BDA_KEY_LEDS], 0xFF - LEDS_SHOWN - LEDS_PENDING
    or [BDA_KEY_LEDS], al
    jmp kbc_send
key_ack_done:
    ret

key_resend:
    or byte ptr [BDA_KEY_LEDS], LEDS_RESEND
    and byte ptr [BDA_KEY_LEDS], 0xFF - LEDS_PENDING
    ret

; Does the keypad give digits? Zero flag: no. Keeps all but CX.
keypad_shifted:
    mov cl, [BDA_KEY_FLAGS]
    mov ch, cl
    shr cl, 5                           ; Num Lock
    test ch, KEY_LSHIFT | KEY_RSHIFT
    jz keypad_unshifted
    xor cl, 1
keypad_unshifted:
    test cl, 1
    ret
