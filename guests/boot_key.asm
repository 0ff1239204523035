; A first boot sector, written the NASM way: ask for a key by the BIOS, show it, stop.
;
; Machine: any PC with a BIOS, a screen and a keyboard.
; Success: the key appears on the screen, exit code 0.

        org 0x7c00
        bits 16

start:  xor ax, ax
        mov ds, ax
        mov si, question
.print: lodsb
        test al, al
        jz .wait
        mov ah, 0x0e            ; show the character in AL
        int 0x10
        jmp .print

.wait:  mov ah, 0               ; wait for a key: AL = its character
        int 0x16
        mov ah, 0x0e
        int 0x10

        mov al, 0               ; tell the host that all went well
        out 0xf4, al
        jmp $

question db "Press any key: ", 0

times 510-($-$$) db 0
        dw 0xaa55
