; The exceptions of 64-bit mode that a program can raise: each must report its vector, its error
; code and the right address, and leave the interrupted stack where it was.
;
; Machine: an x86-64 processor with no-execute pages, 4 MiB of memory, COM1.
; Success: "ok" behind every line, exit code 0.
; Not raised here: #AC and #XM, which the processor emulation that we run on does not know; #OF and
; #BR, whose instructions do not exist in 64-bit mode; #TS, NMI and #MC.

.include "boot.inc"
.include "long.inc"
.include "exceptions.inc"

.equ HIGH,              0x40000000      ; 1 GiB: mapped by a page table of ours
.equ MISSING,           HIGH
.equ NO_EXECUTE,        HIGH + 0x1000
.equ RESERVED,          HIGH + 0x2000
.equ READ_ONLY,         HIGH + 0x3000
.equ NON_CANONICAL,     0x800000000000

.equ NOT_PRESENT_DATA,  0x40
.equ NO_SUCH_SELECTOR,  0xFFF8
.equ NO_GATE,           0x50
.equ IDT_ERROR,         2
.equ EFER_NXE,          0x800
.equ UNMASK_ZERO_DIVIDE, 0x037B
.equ RFLAGS_NT,         0x4000
.equ DR6_SINGLE_STEP,   0x4000

; Page fault error codes.
.equ PF_PRESENT,        0x01
.equ PF_WRITE,          0x02
.equ PF_RESERVED,       0x08
.equ PF_FETCH,          0x10

    ENTER_LONG_MODE
    call idt_init
    fninit

    ; Four special pages behind the first GiB; all but the first are frame 200000h.
    mov ecx, MSR_EFER
    rdmsr
    or eax, EFER_NXE
    wrmsr
    mov dword ptr [PDPT + 8], PAGE_POINTERS | PRESENT | WRITABLE
    mov dword ptr [PAGE_POINTERS], PAGE_TABLE | PRESENT | WRITABLE
    mov rax, 0x8000000000200000 | PRESENT | WRITABLE
    mov [PAGE_TABLE + 8], rax
    mov rax, 0x0008000000200000 | PRESENT | WRITABLE    ; address bit 51: no processor has that much
    mov [PAGE_TABLE + 16], rax
    mov qword ptr [PAGE_TABLE + 24], 0x200000 | PRESENT
    mov byte ptr [0x200000], 0xC3                       ; RET

    mov dword ptr [gdt + NOT_PRESENT_DATA], 0x0000FFFF
    mov dword ptr [gdt + NOT_PRESENT_DATA + 4], 0x00CF1200

    TRY
    xor eax, eax
    cqo
1:  div rax
    SEEN "#DE by zero", 0, 0, 1b

    TRY
    mov rax, 0x8000000000000000
    cqo
    mov rcx, -1
1:  idiv rcx
    SEEN "#DE overflow", 0, 0, 1b

    TRY
    pushfq
    or qword ptr [rsp], RFLAGS_TF
    popfq
    nop                         ; the trap comes after the instruction behind POPF
1:  nop
    SEEN "#DB single step", 1, 0, 1b
    mov rax, dr6
    test eax, DR6_SINGLE_STEP
    jz no_single_step
    xor eax, eax
    mov dr6, rax

    TRY
    int3
1:  nop
    SEEN "#BP", 3, 0, 1b

    TRY
1:  ud2
    SEEN "#UD", 6, 0, 1b

    TRY
1:  .byte 0xCE                  ; INTO, which is gone
    SEEN "#UD INTO", 6, 0, 1b

    TRY
    mov rax, cr0
    or eax, CR0_TS
    mov cr0, rax
1:  fnop
    SEEN "#NM", 7, 0, 1b
    clts

    ; The gate of #GP is gone, so its delivery faults: two contributory exceptions are a double
    ; fault. Its gate takes an interrupt stack of the task state, as kernels do.
    mov byte ptr [IDT + 13 * 16 + 5], 0
    mov byte ptr [IDT + 8 * 16 + 4], 1
    TRY
    mov ax, NO_SUCH_SELECTOR
    mov fs, ax
    SEEN "#DF on its own stack", 8, 0, ANYWHERE
    mov byte ptr [IDT + 13 * 16 + 5], GATE >> 8
    mov rax, [seen_stack]
    and eax, 0xFFFFF000
    cmp eax, 0x5000
    jne wrong_stack

    TRY
    mov ax, NOT_PRESENT_DATA
1:  mov fs, ax
    SEEN "#NP", 11, NOT_PRESENT_DATA, 1b

    TRY
    mov ax, NOT_PRESENT_DATA
1:  mov ss, ax
    SEEN "#SS", 12, NOT_PRESENT_DATA, 1b

    TRY
    mov ax, NO_SUCH_SELECTOR
1:  mov ds, ax
    SEEN "#GP selector", 13, NO_SUCH_SELECTOR, 1b

    TRY
1:  int NO_GATE
    SEEN "#GP missing gate", 13, NO_GATE * 8 + IDT_ERROR, 1b

    TRY
    mov rax, NON_CANONICAL
1:  mov eax, [rax]
    SEEN "#GP non-canonical address", 13, 0, 1b

    TRY
    pushfq
    or qword ptr [rsp], RFLAGS_NT
    popfq
1:  iretq
    SEEN "#GP nested task", 13, 0, 1b

    TRY
    mov eax, MISSING + 4
1:  mov eax, [rax]
    SEEN "#PF read", 14, 0, 1b
    mov rax, cr2
    cmp rax, MISSING + 4
    jne wrong_address

    TRY
    mov eax, MISSING + 8
1:  mov [rax], eax
    SEEN "#PF write", 14, PF_WRITE, 1b

    TRY
    mov eax, READ_ONLY
1:  mov [rax], eax
    SEEN "#PF write to read-only", 14, PF_WRITE | PF_PRESENT, 1b

    TRY
    mov eax, NO_EXECUTE
    jmp rax
    SEEN "#PF fetch from no-execute", 14, PF_FETCH | PF_PRESENT, NO_EXECUTE

    TRY
    mov eax, RESERVED
1:  mov eax, [rax]
    SEEN "#PF reserved bit", 14, PF_RESERVED | PF_PRESENT, 1b

    TRY
    fldcw word ptr [fpu_control]
    fld1
    fldz
    fdivp st(1), st(0)          ; noticed, but reported by the next instruction that waits
1:  fwait
    SEEN "#MF", 16, 0, 1b
    fninit

    PRINT "exceptions: ok\r\n"
    EXIT 0

no_single_step:
    PRINT "DR6 tells no single step\r\n"
    EXIT 2
wrong_address:
    PRINT "CR2 is wrong\r\n"
    EXIT 3
wrong_stack:
    PRINT "the interrupt stack was not taken\r\n"
    EXIT 4

; All exceptions, RBP at the frame.
interrupt:
    mov eax, [rbp + F_VECTOR]
    mov [seen_vector], eax
    mov eax, [rbp + F_ERROR]
    mov [seen_error], eax
    mov eax, [rbp + F_RIP]
    mov [seen_address], eax
    mov [seen_stack], rbp
    mov rsp, [stack]
    push 2                      ; no single steps, no nested task any more
    popfq
    mov eax, [resume]
    jmp rax

; Remember the stack of whoever called.
save_stack:
    lea rax, [rsp + 8]
    mov [stack], rax
    ret

; Behind the call: name, vector, error code, address. Print the name and compare.
say_name:
    pop rsi
.next:
    lodsb
    test al, al
    jz .named
    call putc
    jmp .next
.named:
    lodsb
    movzx eax, al
    cmp eax, [seen_vector]
    jne .differs
    lodsd
    cmp eax, [seen_error]
    jne .differs
    lodsd
    test eax, eax
    jz .same
    cmp eax, [seen_address]
    jne .differs
.same:
    PRINT ": ok\r\n"
    jmp rsi
.differs:
    PRINT ": wrong, got vector "
    mov al, [seen_vector]
    call print_byte
    PRINT " error "
    mov eax, [seen_error]
    call print_hex
    PRINT " at "
    mov eax, [seen_address]
    call print_hex
    EXIT 1

.align 8, 0
stack:
    .quad 0
seen_stack:
    .quad 0
seen_vector:
    .long 0
seen_error:
    .long 0
seen_address:
    .long 0
resume:
    .long 0
fpu_control:
    .word UNMASK_ZERO_DIVIDE

.include "idt64.inc"
.include "print64.inc"
GDT64
IMAGE_END
