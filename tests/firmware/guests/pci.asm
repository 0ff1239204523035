; Shows: INT 1Ah, AH = B1h: presence, search, configuration registers and what it refuses.
; Machine: host bridge, ISA bridge and IDE interface of a 440FX with PIIX3.
; Success: the text in expected/.

    .include "guest.inc"

.equ IDE_INTERFACE,     0x0009          ; device 1, function 1

; What INT 1Ah left in AH, and carry.
show_status:
    pushf
    call say
    .asciz " ah="
    mov al, ah
    call hex8
    popf
    call carry
    jmp line

main:
    mov ecx, 0xAAAAAAAA
    mov ax, 0xB101
    int 0x1A
    pushf
    SHOW8 "mechanisms=", al
    SHOW16 " version=", bx
    SHOW8 " buses=", cl
    SHOW32 " edx=", edx
    popf
    call show_status

; Who is there
    mov cx, 0x7010
    mov dx, 0x8086
    xor si, si
    mov ax, 0xB102
    int 0x1A
    SHOW16 "8086:7010=", bx
    call show_status
    mov si, 1
    mov ax, 0xB102
    int 0x1A
    SHOW16 "a second one=", bx
    call show_status
    mov dx, 0xFFFF
    mov ax, 0xB102
    int 0x1A
    call show_status
    mov ecx, 0x060000
    xor si, si
    mov ax, 0xB103
    int 0x1A
    SHOW16 "host bridge=", bx
    call show_status
    mov ecx, 0x060100
    mov ax, 0xB103
    int 0x1A
    SHOW16 "ISA bridge=", bx
    call show_status
    mov ecx, 0xFFFFFF
    mov ax, 0xB103
    int 0x1A
    call show_status

; Registers by every width
    mov bx, IDE_INTERFACE
    mov ecx, 0xAAAAAAAA
    mov di, 0x0B
    mov ax, 0xB108
    int 0x1A
    SHOW32 "byte=", ecx
    call show_status
    mov di, 0x02
    mov ax, 0xB109
    int 0x1A
    SHOW32 "word=", ecx
    call show_status
    mov di, 0x00
    mov ax, 0xB10A
    int 0x1A
    SHOW32 "dword=", ecx
    call show_status
    mov di, 0x0D                        ; the latency timer has four bits
    mov cl, 0xFF
    mov ax, 0xB10B
    int 0x1A
    mov ax, 0xB108
    int 0x1A
    SHOW8 "latency=", cl
    call show_status
    mov di, 0x20
    mov ax, 0xB10A
    int 0x1A
    mov esi, ecx                        ; where the bus master registers are
    mov ecx, 0xFFFFFFFF
    mov ax, 0xB10D
    int 0x1A
    mov ax, 0xB109
    int 0x1A
    SHOW16 "size=", cx
    call show_status
    mov cx, si
    mov ax, 0xB10C
    int 0x1A
    mov ax, 0xB109
    int 0x1A
    cmp cx, si
    call show_status

; What it refuses
    mov di, 0x01
    mov ax, 0xB109
    int 0x1A
    call show_status
    mov di, 0x02
    mov ax, 0xB10D
    int 0x1A
    call show_status
    mov di, 0x100
    mov ax, 0xB108
    int 0x1A
    call show_status
    mov ax, 0xB106
    int 0x1A
    call show_status
    mov ax, 0xB1FF
    int 0x1A
    call show_status
    mov bx, 0x0100                      ; another bus
    xor di, di
    mov ax, 0xB10A
    int 0x1A
    SHOW32 "nobody=", ecx
    call show_status
    jmp finish
