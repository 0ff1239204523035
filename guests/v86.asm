; Virtual-8086 mode: a monitor in ring 0 runs real-mode code, which traps on everything that could
; hurt, and hands it what it asked for. A second round gives the code IOPL 3, so that only its
; software interrupts come out.
;
; Machine: an 80386 or later, COM1.
; Success: every trap is one that must come, and the code sees what it would in real mode, exit code
; 0.

.include "boot.inc"
.include "pmode.inc"

.equ SEGMENT,           0x0700          ; of the real-mode code; its offsets are not ours
.equ BASE,              SEGMENT << 4
.equ V86_STACK,         0x0800          ; offset in that segment, 7800h in memory

.equ EFLAGS_IOPL3,      0x3000
.equ EFLAGS_FIXED,      0x0002
.equ SERVICE,           0x21            ; the monitor's own: DS:DX = text to print
.equ REFLECTED,         0x60            ; handed to the code's own vector
.equ DIRECT,            0x22            ; in the second round, a gate open to ring 3
.equ TRAPPED_PORT,      CMOS_DATA
.equ EMULATED_VALUE,    0x42

.equ OP_IN,             0xE4
.equ OP_OUT,            0xE6
.equ OP_HLT,            0xF4
.equ OP_CLI,            0xFA
.equ OP_STI,            0xFB
.equ OP_INT,            0xCD
.equ OP_IRET,           0xCF

    ENTER_PMODE
    call idt_init
    SET_GATE DIRECT, stub_direct, GATE_USER
    mov ax, TSS
    ltr ax

    ; The code's own interrupt vectors, where real mode has them.
    mov dword ptr [REFLECTED * 4], SEGMENT << 16 | (v86_service - BASE)
    mov dword ptr [0 * 4], SEGMENT << 16 | (v86_divide - BASE)

    PRINT "round 1, IOPL 0\r\n"
    mov dword ptr [next_round], offset second_round
    mov eax, EFLAGS_VM | EFLAGS_FIXED
    mov ebx, offset v86_code - BASE
    jmp enter_v86

second_round:
    ; What the first round did: a port written, interrupts off and on again.
    cmp byte ptr [port_written], EMULATED_VALUE + 1
    jne wrong
    cmp byte ptr [virtual_if], 1
    jne wrong
    cmp byte ptr [clis], 1
    jne wrong
    PRINT "traps: ok\r\nround 2, IOPL 3\r\n"
    mov dword ptr [next_round], offset wrong
    mov eax, EFLAGS_VM | EFLAGS_IOPL3 | EFLAGS_FIXED
    mov ebx, offset v86_code_2 - BASE

; Leave for virtual-8086 mode: EAX = flags, EBX = IP.
enter_v86:
    push SEGMENT                        ; GS, FS, DS, ES
    push SEGMENT
    push SEGMENT
    push SEGMENT
    push SEGMENT                        ; SS:SP
    push V86_STACK
    push eax
    push SEGMENT                        ; CS:IP
    push ebx
    iretd

stub_direct:
    push 0
    push DIRECT
    jmp interrupt_entry

; Everything that leaves virtual-8086 mode, EBP at the frame. The registers of the code are in it.
interrupt:
    test dword ptr [ebp + F_EFLAGS], EFLAGS_VM
    jz unexpected
    cmp word ptr [ebp + F_V86_DS], SEGMENT
    jne unexpected
    mov eax, [ebp + F_VECTOR]
    cmp al, DIRECT
    je direct
    test eax, eax
    jz reflect                          ; a division by zero is the code's own affair
    cmp al, 13
    jne unexpected
    cmp dword ptr [ebp + F_ERROR], 0
    jne unexpected

    ; Which instruction was it? ESI = its address.
    call code_address
    mov al, [esi]
    mov ebx, offset emulators
.find:
    cmp al, [ebx]
    je .found
    add ebx, 5
    cmp ebx, offset emulators_end
    jb .find
    jmp unexpected
.found:
    jmp [ebx + 1]

emulators:
    .byte OP_INT
    .long emulate_int
    .byte OP_IRET
    .long emulate_iret
    .byte OP_IN
    .long emulate_in
    .byte OP_OUT
    .long emulate_out
    .byte OP_CLI
    .long emulate_cli
    .byte OP_STI
    .long emulate_sti
    .byte OP_HLT
    .long emulate_hlt
emulators_end:

; INT n: our service, or the code's own handler.
emulate_int:
    add word ptr [ebp + F_EIP], 2
    movzx eax, byte ptr [esi + 1]
    cmp al, SERVICE
    jne reflect
    mov edi, [ebp + F_V86_DS]
    shl edi, 4
    movzx eax, word ptr [ebp + F_EDX]
    add edi, eax
.next:
    mov al, [edi]
    inc edi
    test al, al
    jz .done
    call putc
    jmp .next
.done:
    ret

; Go on at the code's own vector EAX, as the processor would in real mode: flags, CS and IP on its
; stack.
reflect:
    mov ebx, [eax * 4]
    mov cx, [ebp + F_EFLAGS]
    call push_word
    mov cx, [ebp + F_CS]
    call push_word
    mov cx, [ebp + F_EIP]
    call push_word
    mov [ebp + F_EIP], bx
    shr ebx, 16
    mov [ebp + F_CS], bx
    ret

emulate_iret:
    call pop_word
    mov [ebp + F_EIP], cx
    call pop_word
    mov [ebp + F_CS], cx
    call pop_word
    and cx, 0x0CFF                      ; neither IOPL nor NT nor the real IF
    mov [ebp + F_EFLAGS], cx
    ret

emulate_in:
    cmp byte ptr [esi + 1], TRAPPED_PORT
    jne unexpected
    mov byte ptr [ebp + F_EAX], EMULATED_VALUE
    add word ptr [ebp + F_EIP], 2
    ret

emulate_out:
    cmp byte ptr [esi + 1], TRAPPED_PORT
    jne unexpected
    mov al, [ebp + F_EAX]
    mov [port_written], al
    add word ptr [ebp + F_EIP], 2
    ret

emulate_cli:
    mov byte ptr [virtual_if], 0
    inc byte ptr [clis]
    inc word ptr [ebp + F_EIP]
    ret

emulate_sti:
    mov byte ptr [virtual_if], 1
    inc word ptr [ebp + F_EIP]
    ret

; HLT ends the round. Its frame is of no more use, so start over with the stack.
emulate_hlt:
    mov esp, 0x7C00
    jmp [next_round]

; INT 22h of the second round came straight through its gate; AX must be 2.
direct:
    cmp word ptr [ebp + F_EAX], 2
    jne wrong
    PRINT "direct interrupt: ok\r\n"
    EXIT 0

; ESI = where the code is.
code_address:
    movzx esi, word ptr [ebp + F_CS]
    shl esi, 4
    movzx eax, word ptr [ebp + F_EIP]
    add esi, eax
    ret

; CX to the code's stack, and from it. Changes EDI.
push_word:
    sub word ptr [ebp + F_ESP], 2
    call stack_address
    mov [edi], cx
    ret
pop_word:
    call stack_address
    mov cx, [edi]
    add word ptr [ebp + F_ESP], 2
    ret
stack_address:
    movzx edi, word ptr [ebp + F_SS]
    shl edi, 4
    push eax
    movzx eax, word ptr [ebp + F_ESP]
    add edi, eax
    pop eax
    ret

unexpected:
    PRINT "unexpected interrupt "
    mov al, [ebp + F_VECTOR]
    call print_byte
    PRINT " at "
    mov eax, [ebp + F_EIP]
    call print_hex
    EXIT 2
wrong:
    PRINT "something is wrong\r\n"
    EXIT 3

.align 4, 0
next_round:
    .long 0
port_written:
    .byte 0
virtual_if:
    .byte 0
clis:
    .byte 0

; The code under the monitor, written for CS = DS = SS = SEGMENT.
.code16
v86_code:
    ; The permission map opens COM1: this does not trap.
    mov si, offset v86_text - BASE
.next:
    lodsb
    test al, al
    jz .printed
    mov ah, al
    mov dx, COM1_STATUS
.wait:
    in al, dx
    test al, COM1_READY
    jz .wait
    mov dx, COM1
    mov al, ah
    out dx, al
    jmp .next
.printed:
    ; Segments are real-mode ones: this reads the first byte of the boot sector.
    mov ax, 0x07C0
    mov es, ax
    cmp byte ptr es:[0], OP_CLI
    jne v86_wrong

    mov dx, offset v86_service_text - BASE
    int SERVICE
    in al, TRAPPED_PORT
    inc al
    out TRAPPED_PORT, al
    cli
    sti
    mov bx, 1
    int REFLECTED
    cmp bx, 2
    jne v86_wrong
    xor ax, ax
    div al                              ; its handler steps over it
    cmp bx, 3
    jne v86_wrong
    hlt
v86_wrong:
    ud2

v86_service:
    inc bx
    iret

v86_divide:
    inc bx
    push bp
    mov bp, sp
    add word ptr [bp + 2], 2
    pop bp
    iret

; With IOPL 3 these run as they are; only the permission map and the gates still hold.
v86_code_2:
    cli
    pushf
    pop ax
    test ah, 2                          ; the real IF
    jnz v86_wrong
    mov ax, 2
    int DIRECT
    jmp v86_wrong

v86_text:
    .asciz "from virtual-8086 mode: direct\r\n"
v86_service_text:
    .asciz "from virtual-8086 mode: by service\r\n"

.code32
.include "idt32.inc"
.include "print32.inc"

; The I/O permission map follows the task state: ports up to 3F7h closed, COM1 open, and the byte of
; ones behind it.
GDT 104 + 128
    .fill 127, 1, 0xFF
    .byte 0, 0xFF
IMAGE_END
