; mark: a program for Linux that marks a piece of work for `hv compare`, from an unmodified userland.
;
;   mark                    the work has ended: one mark
;   mark PROGRAM ARGS...    marks before and after PROGRAM, a full path; its exit status is ours
;
; The mark port takes double words, which neither a shell nor /dev/port writes, so this asks the kernel for the port
; and writes it itself. What the watch showed behind each mark is printed after the last one, when the line costs
; the work nothing:
;
;   tsc 1 00000001f2a3b4c5
;   tsc 2 00000001f9a8b7c6
;
; A whole ELF file (System V ABI, gABI 4.1, chapters 4 and 5) without libraries: a page of code with the headers in
; front, a page of data. System calls go by their number in RAX (Linux, arch/x86/entry/syscalls/syscall_64.tbl) and
; change RCX and R11.

.origin 0x400000
.code64

.equ SYS_WRITE,     1
.equ SYS_VFORK,     58
.equ SYS_EXECVE,    59
.equ SYS_EXIT,      60
.equ SYS_WAIT4,     61
.equ SYS_IOPERM,    173
.equ STDOUT,        1
.equ NO_PORT,       125     ; exit status: the kernel does not give us the port
.equ NO_PROGRAM,    127     ; exit status: PROGRAM cannot be run; a shell says it so
.equ MARK_WIDTH,    4
.equ PAGE,          0x1000

; ELF header: 64 bit, little endian, version 1; an executable for x86-64, two program headers behind this one.
file:
    .byte 0x7F
    .ascii "ELF"
    .byte 2, 1, 1, 0
    .quad 0
    .word 2, 62
    .long 1
    .quad start, headers - file, 0
    .long 0
    .word headers - file, data_header - headers, 2, 0, 0, 0
; Program headers: load the code to be read and run, the data to be read and written.
headers:
    .long 1, 5
    .quad 0, file, file, code_end - file, code_end - file, PAGE
data_header:
    .long 1, 6
    .quad data - file, data, data, data_end - data, data_end - data, PAGE

.include "pair.inc"

start:
    mov eax, SYS_IOPERM
    mov edi, MARK_PORT
    mov esi, MARK_WIDTH
    mov edx, 1
    syscall
    test eax, eax
    mov edi, NO_PORT
    jnz exit
    cmp qword ptr [rsp], 1          ; argc
    je no_program

    mov r14, [rsp]
    lea r14, [rsp + r14 * 8 + 16]   ; the environment, behind argc, argv and a null
    PAIR_MARK 1
    mov eax, SYS_VFORK              ; the child borrows our memory and stack until it runs PROGRAM
    syscall
    test eax, eax
    jz child
    mov edi, eax
    mov rsi, offset status
    xor edx, edx
    xor r10d, r10d
    mov eax, SYS_WAIT4
    syscall
    PAIR_MARK 2
    mov ebx, 1
    call print_tsc
    mov ebx, 2
    call print_tsc
    movzx edi, byte ptr [status + 1]    ; WEXITSTATUS
    movzx eax, byte ptr [status]
    and eax, 0x7F                   ; WTERMSIG
    jz exit
    mov edi, eax
    jmp exit

child:
    mov rdi, [rsp + 16]             ; argv[1]
    lea rsi, [rsp + 16]
    mov rdx, r14
    mov eax, SYS_EXECVE
    syscall
    mov edi, NO_PROGRAM
    jmp exit

no_program:
    PAIR_MARK 2
    mov ebx, 2
    call print_tsc
    xor edi, edi
exit:
    mov eax, SYS_EXIT
    syscall

; The line of mark EBX, 1 or 2.
print_tsc:
    mov rax, [pair_tsc_1 + rbx * 8 - 8]
    add bl, 0x30
    mov [line_number], bl
    mov rdi, offset line_digits
    mov ecx, 16
digit:
    rol rax, 4
    mov edx, eax
    and edx, 0x0F
    mov dl, [hex + rdx]
    mov [rdi], dl
    inc rdi
    dec ecx
    jnz digit
    mov edi, STDOUT
    mov rsi, offset line
    mov edx, line_end - line
    mov eax, SYS_WRITE
    syscall
    ret
code_end:

    .align PAGE, 0
data:
hex:
    .ascii "0123456789abcdef"
line:
    .ascii "tsc "
line_number:
    .byte 0
    .ascii " "
line_digits:
    .fill 16, 1, 0
    .byte 10
line_end:
    .align 8, 0
pair_tsc_1:
    .quad 0
pair_tsc_2:
    .quad 0
status:
    .quad 0
data_end:
