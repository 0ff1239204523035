; Shows: INT 15h: memory sizes and map, A20, block move, waits, small services; INT 12h.
; Machine: 16 MiB.
; Success: the text in expected/.

    .include "guest.inc"

show_result:                            ; AX, carry
    pushf
    call say
    .asciz " ax="
    call hex16
    popf
    call carry
    ret

main:
    push ds
    pop es
    mov ah, 0x88
    int 0x15
    call show_result
    xor bx, bx
    mov ax, 0xE801
    int 0x15
    call show_result
    SHOW16 " ", bx
    SHOW16 " ", cx
    SHOW16 " ", dx
    call line

    xor ebx, ebx
map_next:
    mov edi, SCRATCH
    mov dword ptr [di + 20], 0
    mov eax, 0xE820
    mov ecx, 24
    mov edx, 0x534D4150
    int 0x15
    jc map_failed
    SHOW32 "", [SCRATCH + 4]
    SHOW32 "", [SCRATCH]
    SHOW32 " ", [SCRATCH + 12]
    SHOW32 "", [SCRATCH + 8]
    SHOW32 " ", [SCRATCH + 16]
    SHOW32 " ", [SCRATCH + 20]
    SHOW32 " eax=", eax
    SHOW32 " ecx=", ecx
    SHOW32 " ebx=", ebx
    call line
    test ebx, ebx
    jnz map_next
map_failed:
    mov eax, 0xE820                     ; short form, second entry
    mov ebx, 1
    mov ecx, 20
    mov edx, 0x534D4150
    mov dword ptr [SCRATCH + 20], 0x12345678
    int 0x15
    call show_result
    SHOW32 " ecx=", ecx
    SHOW32 " ", [SCRATCH + 20]
    mov eax, 0xE820
    mov ebx, 77                         ; no such entry
    int 0x15
    call show_result
    mov eax, 0xE820
    xor ebx, ebx
    mov edx, 0
    int 0x15
    call show_result
    mov eax, 0xE820
    mov ecx, 19
    mov edx, 0x534D4150
    int 0x15
    call show_result
    call line

; A20: the word at 0:500h shows at 1 MiB + 500h when the line is off
    mov ax, 0xFFFF
    mov fs, ax
    mov ax, 0x2402
    int 0x15
    call show_result
    mov word ptr fs:[0x510], 0x5555
    mov word ptr [0x500], 0xAAAA
    SHOW16 " on=", fs:[0x510]
    mov ax, 0x2400
    int 0x15
    call show_result
    SHOW16 " off=", fs:[0x510]
    mov ax, 0x2402
    int 0x15
    call show_result
    mov ax, 0x2401
    int 0x15
    call show_result
    mov ax, 0x2403
    int 0x15
    SHOW16 " ways=", bx
    mov ax, 0x2404
    int 0x15
    call show_result
    call line

; Block move: 300 words to 2 MiB, back to another place, an odd count, registers kept
    mov si, SCRATCH
    mov di, SCRATCH + 0x1000
    mov cx, 301
    xor ax, ax
fill:
    mov [si], ax
    mov word ptr [di], 0xEEEE
    add si, 2
    add di, 2
    add ax, 0x0101
    loop fill
    mov dword ptr [gdt + 0x12], 0x93000000 + SCRATCH
    mov dword ptr [gdt + 0x1A], 0x93200000
    mov esi, 0xCAFE0000 + gdt
    mov ecx, 0x12340000 + 300
    mov ah, 0x87
    int 0x15
    call show_result
    shr esi, 16
    SHOW32 " esi=", esi
    SHOW32 " ecx=", ecx
    mov eax, cr0
    and ax, 1
    SHOW16 " pe=", ax
    mov dword ptr [gdt + 0x12], 0x93200000
    mov dword ptr [gdt + 0x1A], 0x93000000 + SCRATCH + 0x1000
    mov si, gdt
    mov cx, 299
    mov ah, 0x87
    int 0x15
    call show_result
    mov si, SCRATCH
    mov di, SCRATCH + 0x1000
    mov cx, 301
    repe cmpsw
    SHOW16 " left=", cx
    SHOW16 " ", [SCRATCH + 0x1000 + 298 * 2]
    SHOW16 " ", [SCRATCH + 0x1000 + 299 * 2]
    mov si, gdt
    mov cx, 0x8001
    mov ah, 0x87
    int 0x15
    call show_result
    call line

; Waits: by the tick count, a quarter of a second is 4 to 6 ticks
    mov bx, [0x46C]
tick_edge:
    hlt
    cmp bx, [0x46C]
    je tick_edge
    mov bx, [0x46C]
    mov cx, 3
    mov dx, 0xD090                      ; 250,000 us
    mov ah, 0x86
    int 0x15
    call show_result
    mov ax, [0x46C]
    sub ax, bx
    sub ax, 4
    cmp ax, 3
    call carry
    mov cx, 0
    mov dx, 500                         ; by the refresh toggle
    mov ax, 0x8600
    int 0x15
    call show_result
    mov byte ptr [flag], 0
    push ds
    pop es
    mov bx, flag
    mov cx, 0
    mov dx, 50000
    mov ax, 0x8300
    int 0x15
    call show_result
    mov ax, 0x8300                      ; one at a time
    int 0x15
    call carry
    mov ah, 0x86
    mov cx, 0
    mov dx, 5000
    int 0x15
    call show_result
    mov cx, 0xFFFF
event:
    sti
    hlt
    test byte ptr [flag], 0x80
    loopz event
    SHOW8 " flag=", [flag]
    SHOW8 " active=", [0x4A0]
    mov byte ptr [flag], 0
    mov cx, 0
    mov dx, 20000
    mov ax, 0x8300
    int 0x15
    mov ax, 0x8301                      ; cancelled
    int 0x15
    call show_result
    mov cx, 0
    mov dx, 40000
    mov ah, 0x86
    int 0x15
    SHOW8 " flag=", [flag]
    call line

; The rest
    mov ah, 0xC1
    int 0x15
    call show_result
    SHOW16 " es=", es
    mov ax, 0x4F1E
    stc
    int 0x15
    call show_result
    mov ax, 0x9001
    int 0x15
    call show_result
    mov ax, 0x9101
    int 0x15
    call show_result
    mov ax, 0x8500
    int 0x15
    call show_result
    mov ax, 0x5300                      ; APM: not there
    int 0x15
    call show_result
    mov ax, 0xD800
    int 0x15
    call show_result
    mov ah, 0x89
    int 0x15
    call show_result
    call line
    jmp finish

flag:
    .byte 0
    .align 8
gdt:
    .quad 0
    .quad 0
    .word 0xFFFF, 0, 0x9300, 0
    .word 0xFFFF, 0, 0x9300, 0
    .quad 0
    .quad 0
