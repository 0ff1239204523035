; Shows: IRQ 1 and INT 16h: shift states, locks, gray keys, Alt with digits, Pause, Break, the buffer.
; The keys come from the guest itself: command D2h makes the 8042 deliver a byte as the keyboard's.
; Machine: any with an 8042.
; Success: the text in expected/.

    .include "guest.inc"

; INT 15h: count what passes 4Fh; scan code 70h is swallowed, 71h becomes A
intercept:
    cmp ah, 0x4F
    jne intercept_chain
    inc word ptr cs:[seen]
    cmp al, 0x70
    je intercept_swallow
    cmp al, 0x71
    jne intercept_done
    mov al, 0x1E
intercept_done:
    stc
    retf 2
intercept_swallow:
    clc
    retf 2
intercept_chain:
    cmp ah, 0x85
    jne intercept_other
    mov cs:[sysreq], ax
intercept_other:
    iret

break_key:
    inc byte ptr cs:[breaks]
    iret
print_key:
    inc byte ptr cs:[prints]
    iret

; AL = scan code, delivered and handled
press:
    pusha
    mov bx, [seen]
    mov ah, al
press_ready:
    in al, 0x64
    test al, 3
    jnz press_ready
    mov al, 0xD2
    out 0x64, al
press_command:
    in al, 0x64
    test al, 2
    jnz press_command
    mov al, ah
    out 0x60, al
    mov cx, 0xFFFF
press_wait:
    cmp bx, [seen]
    loopz press_wait
    popa
    ret

; The bytes behind the call, ended by 00, then whatever INT 16h/10h has to say
type_keys:
    mov bp, sp
    mov si, [bp]
type_next:
    lodsb
    test al, al
    jz type_show
    call press
    jmp type_next
type_show:
    mov [bp], si
show_keys:
    mov ah, 0x11
    int 0x16
    jz show_flags
    mov ah, 0x10
    int 0x16
    call say
    .asciz " "
    call hex16
    jmp show_keys
show_flags:
    mov ah, 0x12
    int 0x16
    call say
    .asciz " ["
    call hex16
    call say
    .asciz "]\n"
    ret

.macro TYPE text, codes:vararg
    call say
    .asciz "\text"
    call type_keys
    .byte \codes, 0
.endm

main:
    cli
    mov word ptr [0x15 * 4], intercept
    mov word ptr [0x15 * 4 + 2], 0
    mov word ptr [0x1B * 4], break_key
    mov word ptr [0x1B * 4 + 2], 0
    mov word ptr [0x05 * 4], print_key
    mov word ptr [0x05 * 4 + 2], 0
    sti
    TYPE "a", 0x1E, 0x9E
    TYPE "shift", 0x2A, 0x1E, 0x02, 0x9E, 0xAA, 0x36, 0x1F, 0xB6
    TYPE "ctrl", 0x1D, 0x2E, 0x03, 0x04, 0x3B, 0x9D
    TYPE "alt", 0x38, 0x10, 0x02, 0x3C, 0x0F, 0xB8
    TYPE "right", 0xE0, 0x1D, 0x2E
    TYPE "still", 0xE0, 0x9D
    TYPE "altgr", 0xE0, 0x38, 0x10
    TYPE "up", 0xE0, 0xB8
    TYPE "both", 0x1D, 0xE0, 0x1D, 0x9D
    TYPE "up", 0xE0, 0x9D
    TYPE "caps", 0x3A, 0xBA, 0x1E, 0x02, 0x2A, 0x1E, 0x02, 0xAA
    TYPE "off", 0x3A, 0x3A, 0xBA
    TYPE "num", 0x45, 0xC5, 0x47, 0x53, 0x4E, 0x2A, 0x48, 0xAA
    TYPE "gray", 0xE0, 0x2A, 0xE0, 0x48, 0xE0, 0xC8, 0xE0, 0xAA, 0xE0, 0x1C, 0xE0, 0x35
    TYPE "off", 0x45, 0xC5, 0x47, 0x4C, 0x53
    TYPE "insert", 0xE0, 0x52, 0xE0, 0xD2
    TYPE "off", 0x52, 0xD2
    TYPE "function", 0x3B, 0x44, 0x57, 0x58, 0x2A, 0x3B, 0x57, 0xAA, 0x56
    TYPE "ctrl gray", 0x1D, 0xE0, 0x48, 0xE0, 0x47, 0xE0, 0x37, 0x48, 0x9D
    TYPE "alt gray", 0x38, 0xE0, 0x53, 0xE0, 0x1C, 0x1A, 0x01, 0xB8
    TYPE "alt 196", 0x38, 0x4F, 0xCF, 0x49, 0xC9, 0x4D, 0xCD, 0xB8
    TYPE "scroll", 0x46, 0xC6
    TYPE "off", 0x46, 0xC6
    TYPE "unknown", 0x59, 0x7E, 0xE0, 0x5B, 0xFF, 0xAA
    TYPE "hooked", 0x70, 0x71
    TYPE "break", 0x1E, 0xE0, 0x46, 0xE0, 0xC6
    SHOW8 "breaks=", [breaks]
    SHOW8 " flag=", [0x471]
    call line
    TYPE "print", 0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA
    TYPE "sysreq", 0x38, 0x54, 0xD4, 0xB8
    SHOW8 "prints=", [prints]
    SHOW16 " sysreq=", [sysreq]
    call line

; The old functions hide what old programs do not know
    call say
    .asciz "old"
    mov al, 0x57                        ; F11: not at all
    call press
    mov al, 0xE0                        ; keypad Enter: as Enter
    call press
    mov al, 0x1C
    call press
    mov al, 0xE0                        ; gray Up: as keypad Up
    call press
    mov al, 0x48
    call press
old_next:
    mov ah, 1
    int 0x16
    jz old_done
    mov ah, 0
    int 0x16
    call say
    .asciz " "
    call hex16
    jmp old_next
old_done:
    call line

; The buffer holds 15; INT 16h/05h puts things in
    mov al, 0x39
    mov cx, 17
overfill:
    call press
    loop overfill
    mov cx, 0x1234
    mov ah, 5
    int 0x16
    SHOW8 "full=", al
    mov bl, 0
drain:
    mov ah, 1
    int 0x16
    jz drained
    mov ah, 0
    int 0x16
    inc bx
    jmp drain
drained:
    SHOW8 " held=", bl
    mov cx, 0x1234
    mov ah, 5
    int 0x16
    SHOW8 " store=", al
    mov ah, 0
    int 0x16
    SHOW16 " read=", ax
    mov ah, 9
    int 0x16
    SHOW8 " services=", al
    mov ah, 0x0A
    int 0x16
    SHOW16 " id=", bx
    mov ah, 2
    int 0x16
    SHOW8 " flags=", al
    call line

; Pause holds the machine until a key: the timer's handler presses it
    cli
    mov word ptr [0x1C * 4], resume
    mov word ptr [0x1C * 4 + 2], 0
    sti
    mov si, pause_codes
pause_next:
    lodsb
    test al, al
    jz paused
    call press
    jmp pause_next
paused:
    SHOW8 "resumed=", [resumed]
    mov ah, 1
    int 0x16
    mov al, '-'
    jz pause_empty
    mov al, '+'
pause_empty:
    call put
    mov al, 0x0B
    out 0x20, al
    in al, 0x20
    SHOW8 " isr=", al
    call line

; A key while the program waits in INT 16h
    mov byte ptr [wake], 1
    mov ah, 0
    int 0x16
    SHOW16 "waited=", ax
    call line
    jmp finish

; INT 1Ch
resume:
    test byte ptr cs:[0x418], 0x08
    jnz resume_key
    cmp byte ptr cs:[wake], 0
    je resume_return
    mov byte ptr cs:[wake], 0
    push cx
    mov cx, 0x2267
    mov ah, 5
    int 0x16
    pop cx
    iret
resume_key:
    mov byte ptr cs:[resumed], 1
    mov al, 0xD2
    out 0x64, al
    mov al, 0x1E
    out 0x60, al
resume_return:
    iret

pause_codes:
    .byte 0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5, 0
seen:       .word 0
sysreq:     .word 0
breaks:     .byte 0
prints:     .byte 0
resumed:    .byte 0
wake:       .byte 0
