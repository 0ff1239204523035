; 64-bit mode: four-level paging, CPUID, RDTSC, a trip to ring 3 by SYSRET and back by SYSCALL.
;
; Machine: an x86-64 processor with SYSCALL, 4 MiB of memory, COM1.
; Success: registers are 64 bits wide, time goes forward, both ways between the rings work, exit
; code 0.

.include "boot.inc"
.include "long.inc"

.equ CPUID_EXTENDED,    0x80000001
.equ CPUID_LM,          1 << 29
.equ CPUID_SYSCALL,     1 << 11

.equ CALL_EXIT,         0
.equ CALL_WRITE,        1           ; RSI = text, RDX = length
.equ USER_STACK,        0x30000

    ; Is there a 64-bit mode at all? In real mode this can still be said.
    mov eax, CPUID_EXTENDED
    cpuid
    test edx, CPUID_LM
    jz no_long_mode
    ENTER_LONG_MODE
    call idt_init
    PRINT "64-bit mode\r\n"

    ; A register that holds more than 32 bits, and a 32-bit result that clears the rest.
    mov rax, 0x123456789ABCDEF0
    mov rcx, rax
    shr rcx, 36
    cmp rcx, 0x1234567
    jne wrong
    mov eax, eax
    shr rax, 32
    jnz wrong

    ; RIP-relative and absolute addresses lead to the same place.
    lea rax, [rip + idt_pointer]
    mov rcx, offset idt_pointer
    cmp rax, rcx
    jne wrong
    PRINT "registers: ok\r\n"

    ; The time-stamp counter never goes back.
    call read_tsc
    mov rbx, rax
    mov ecx, 1000
spin:
    dec ecx
    jnz spin
    call read_tsc
    cmp rax, rbx
    jbe wrong
    PRINT "time-stamp counter: ok\r\n"

    mov eax, CPUID_EXTENDED
    cpuid
    test edx, CPUID_SYSCALL
    jz wrong

    ; Where SYSCALL enters, which selectors both ways, which flags it clears.
    mov ecx, MSR_STAR
    xor eax, eax
    mov edx, (USER_CODE32 | 3) << 16 | CODE64
    wrmsr
    mov ecx, MSR_LSTAR
    mov eax, offset system_call
    xor edx, edx
    wrmsr
    mov ecx, MSR_FMASK
    mov eax, RFLAGS_IF
    wrmsr

    ; SYSRET takes RIP from RCX and RFLAGS from R11; the stack is ours to change.
    mov [kernel_stack], rsp
    mov rcx, offset user
    mov r11, 0x202
    mov rsp, USER_STACK
    sysretq

; In ring 3.
user:
    mov ax, cs
    cmp ax, USER_CODE64
    jne user_wrong
    mov rsi, offset user_text
    mov edx, user_text_end - user_text
    mov eax, CALL_WRITE
    mov r12, rsp
    syscall
    cmp rax, user_text_end - user_text
    jne user_wrong
    cmp r12, rsp
    jne user_wrong

    ; SYSCALL kept the flags in R11 and the way back in RCX.
    cmp rcx, offset user
    jb user_wrong
    mov eax, CALL_EXIT
    syscall
user_wrong:
    ud2

user_text:
    .ascii "hello from ring 3\r\n"
user_text_end:

; SYSCALL brings us here in ring 0, still on the user's stack.
system_call:
    mov [user_stack], rsp
    mov rsp, [kernel_stack]
    push rcx
    push r11
    pushfq
    pop rbx
    test ebx, RFLAGS_IF             ; FMASK must have cleared it
    jnz wrong
    cmp eax, CALL_WRITE
    jne user_exit
    mov ecx, edx
.next:
    mov al, [rsi]
    inc rsi
    call putc
    dec ecx
    jnz .next
    mov eax, edx
    pop r11
    pop rcx
    mov rsp, [user_stack]
    sysretq

user_exit:
    mov ax, cs
    cmp ax, CODE64
    jne wrong
    PRINT "back in ring 0\r\n"
    EXIT 0

; RAX = time-stamp counter. Changes RDX.
read_tsc:
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret

; No interrupt is expected.
interrupt:
    mov al, [rbp + F_VECTOR]
    PRINT "unexpected interrupt "
    call print_byte
    PRINT " at "
    mov rax, [rbp + F_RIP]
    call print_hex
    EXIT 2

wrong:
    PRINT "something is wrong\r\n"
    EXIT 3

.code16
no_long_mode:
    EXIT 4

.align 8, 0
kernel_stack:
    .quad 0
user_stack:
    .quad 0

.code64
.include "idt64.inc"
.include "print64.inc"
GDT64
IMAGE_END
