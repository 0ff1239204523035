; Says hello, on the screen and on the serial line.
;
; Machine: any PC with a BIOS and COM1.
; Success: "Hello from real mode" in both places, exit code 0.

.include "pc.inc"

.origin 0x7C00
.code16

start:
    xor ax, ax                  ; the firmware promises no segments but CS:IP
    mov ds, ax
    mov ss, ax
    mov sp, start
    cld
    mov si, message

next:
    lodsb
    test al, al
    jz done

    mov ah, 0x0E                ; BIOS teletype: AL to the screen, cursor moves on
    mov bx, 7
    int 0x10

    mov ah, al
    mov dx, COM1_STATUS
wait:
    in al, dx
    test al, COM1_READY
    jz wait
    mov al, ah
    mov dx, COM1
    out dx, al
    jmp next

done:
    EXIT 0

message:
    .asciz "Hello from real mode\r\n"

.org 510
    .word 0xAA55
