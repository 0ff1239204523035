; Shows: the tick count, INT 1Ch, INT 1Ah, the alarm.
; Machine: clock set to 2024-01-01 00:00:00.
; Success: the text in expected/.

    .include "guest.inc"

show_result:
    pushf
    call say
    .asciz " ax="
    call hex16
    popf
    call carry
    ret

user_tick:
    inc word ptr cs:[user_ticks]
    iret
alarm:
    inc word ptr cs:[alarms]
    iret

main:
    mov ah, 4
    int 0x1A
    call carry
    SHOW16 " date=", cx
    SHOW16 "", dx
    mov ah, 2
    int 0x1A
    call carry
    SHOW16 " time=", cx
    mov ah, 0
    int 0x1A
    SHOW8 " midnight=", al
    SHOW16 " ticks=", cx
    cmp dx, 40                          ; not two seconds since power-on
    call carry
    call line

; Ten ticks by HLT: INT 1Ch comes with each
    cli
    mov word ptr [0x1C * 4], user_tick
    mov [0x1C * 4 + 2], cs
    sti
    mov bx, [0x46C]
ten_ticks:
    hlt
    mov ax, [0x46C]
    sub ax, bx
    cmp ax, 10
    jb ten_ticks
    SHOW16 "user=", [user_ticks]
    mov byte ptr [0x440], 2             ; the floppy motor's count runs down and stays at 0
    mov word ptr [user_ticks], 0
five_ticks:
    hlt
    cmp word ptr [user_ticks], 5
    jb five_ticks
    SHOW8 " motor=", [0x440]
    call line

; Midnight
    mov cx, 0x0018
    mov dx, 0x00AF
    mov ah, 1
    int 0x1A
    mov word ptr [user_ticks], 0
midnight:
    hlt
    cmp word ptr [user_ticks], 2
    jb midnight
    mov ah, 0
    int 0x1A
    SHOW8 "midnight=", al
    SHOW16 " ticks=", cx
    SHOW16 "", dx
    mov ah, 0
    int 0x1A
    SHOW8 " again=", al
    call line

; Set the clock, read it back; the alarm a second later
    mov cx, 0x1999
    mov dx, 0x1231
    mov ah, 5
    int 0x1A
    mov cx, 0x1234
    mov dx, 0x5600
    mov ah, 3
    int 0x1A
    mov ah, 2
    int 0x1A
    call carry
    SHOW16 " time=", cx
    SHOW16 "", dx
    mov ah, 4
    int 0x1A
    SHOW16 " date=", cx
    SHOW16 "", dx
    mov ax, 0xFFFF
    mov al, 0x0B
    out 0x70, al
    in al, 0x71
    SHOW8 " b=", al
    call line

    cli
    mov word ptr [0x4A * 4], alarm
    mov [0x4A * 4 + 2], cs
    sti
    mov cx, 0x1234
    mov dx, 0x5800
    mov ah, 6
    int 0x1A
    call carry
    mov ah, 6
    int 0x1A
    call carry
    mov cx, 100
alarm_wait:
    hlt
    cmp word ptr [alarms], 0
    loopz alarm_wait
    SHOW16 " alarms=", [alarms]
    mov ah, 2
    int 0x1A
    SHOW8 " seconds=", dh
    mov ah, 7
    int 0x1A
    call carry
    mov ah, 0x42                        ; not known
    int 0x1A
    call show_result
    call line
    jmp finish

user_ticks: .word 0
alarms:     .word 0
