; IRQ 1, second half: a key that is no modifier went down. AL = scan code, AH = prefixes.

key_pressed:
    test byte ptr [BDA_KEY_DOWN], DOWN_PAUSED
    jz key_not_paused
    and byte ptr [BDA_KEY_DOWN], 0xFF - DOWN_PAUSED
    ret
key_not_paused:
    mov bh, [BDA_KEY_FLAGS]             ; BH = shift state from here on
    mov cl, bh
    and cl, KEY_CTRL | KEY_ALT
    cmp cl, KEY_CTRL | KEY_ALT
    jne key_no_reset
    cmp al, SCAN_DELETE
    je key_reset
key_no_reset:
    cmp al, SCAN_SYSREQ
    je key_sysreq
    test ah, MODE_E0
    jnz key_gray
    test bh, KEY_CTRL
    jz key_plain
    cmp al, SCAN_NUM_LOCK
    je key_pause
    cmp al, SCAN_SCROLL_LOCK
    je key_break

key_plain:
    cmp al, KEY_LAST
    ja key_ignore
    test bh, KEY_ALT
    jz key_lookup
    call keypad_entry
    jnc key_ignore
key_lookup:
    movzx si, al
    shl si, 3                           ; KEY_ROW
    add si, key_table
    test bh, KEY_ALT | KEY_CTRL
    jnz key_column
    cmp al, SCAN_HOME
    jb key_caps
    cmp al, SCAN_DELETE
    ja key_column
    call keypad_shifted
    jmp key_lettered
key_caps:
    test bh, KEY_CAPS
    jz key_column
    mov cl, cs:[si]                     ; letters only
    sub cl, 'a'
    cmp cl, 26
    jae key_column
    test bh, KEY_LSHIFT | KEY_RSHIFT
    setz cl
    test cl, cl
key_lettered:                           ; zero flag: the plain column
    mov cx, cs:[si]
    jz key_store
    mov cx, cs:[si + 2]
    jmp key_store

; CS:SI = row, BH = shift state: take the column, store what it says
key_column:
    mov cx, cs:[si + 6]
    test bh, KEY_ALT
    jnz key_store
    mov cx, cs:[si + 4]
    test bh, KEY_CTRL
    jnz key_store
    mov cx, cs:[si + 2]
    test bh, KEY_LSHIFT | KEY_RSHIFT
    jnz key_store
    mov cx, cs:[si]

; CX = entry for the keyboard buffer; 0 and a full buffer are dropped. Changes BX, DI.
key_store:
    jcxz key_store_done
key_store_any:
    mov di, [BDA_KEY_TAIL]
    mov bx, di
    call key_next
    cmp bx, [BDA_KEY_HEAD]
    je key_store_done
    mov [di], cx
    mov [BDA_KEY_TAIL], bx
key_store_done:
    ret

; BX = place in the keyboard buffer -> the one after it
key_next:
    inc bx
    inc bx
    cmp bx, [BDA_KEY_END]
    jb key_next_done
    mov bx, [BDA_KEY_START]
key_next_done:
    ret

; Keys with the E0h prefix
key_gray:
    cmp al, SCAN_SCROLL_LOCK
    je key_break
    cmp al, SCAN_PRINT
    jne gray_search
    test bh, KEY_CTRL | KEY_ALT
    jz key_print
gray_search:
    mov si, gray_table
gray_find:
    cmp al, cs:[si]
    je gray_found
    add si, KEY_ROW + 1
    cmp si, gray_table_end
    jb gray_find
    ret
gray_found:
    inc si
    jmp key_column

; Alt and a digit of the keypad: one more digit of a character code. Carry: no such key.
keypad_entry:
    movzx si, al
    sub si, SCAN_HOME
    cmp si, 12
    cmc
    jc keypad_entry_done
    mov cl, cs:[si + keypad_digits]
    cmp cl, 10
    cmc
    jc keypad_entry_done
    mov al, 10
    mul byte ptr [BDA_KEYPAD]
    add al, cl
    mov [BDA_KEYPAD], al
    clc
keypad_entry_done:
    ret

; Ctrl-Break: an empty buffer with one zero in it, and INT 1Bh
key_break:
    or byte ptr [BDA_BREAK], 0x80
    mov bx, [BDA_KEY_START]
    mov [BDA_KEY_HEAD], bx
    mov [BDA_KEY_TAIL], bx
    xor cx, cx
    call key_store_any
    int 0x1B
    ret

key_print:
    pop ax                              ; not back to irq1_done: the interrupt ends here, because
    mov al, PIC_EOI                     ; printing may take long
    out PIC1_COMMAND, al
    sti
    int 0x05
    cli
    jmp irq1_return

key_sysreq:
    mov ax, 0x8500
    int 0x15
    ret

; Ctrl-Alt-Del: start again as from power-on, but say that it was asked for
key_reset:
    mov word ptr [BDA_RESET_FLAG], RESET_WARM
    ljmp BIOS_SEGMENT:reset_vector
