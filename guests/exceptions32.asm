; The exceptions of 32-bit protected mode that a program can raise: each must report its vector, its
; error code and the right address: that of the instruction for a fault, that of the next one for a
; trap.
;
; Machine: an 80486 or later with FPU, 4 MiB of memory, COM1.
; Success: "ok" behind every line, exit code 0.
; Not raised here: #AC and #XM, which the processor emulation that we run on does not know, and NMI
; and #MC, which software cannot raise.

.include "boot.inc"
.include "pmode.inc"
.include "exceptions.inc"

.equ PAGE_DIRECTORY,    0x10000
.equ PAGE_TABLE,        0x11000
.equ MISSING,           0x300000        ; a page that is not there

.equ NOT_PRESENT_DATA,  FIRST_SPARE
.equ NO_SUCH_SELECTOR,  0xFFF8
.equ NO_GATE,           0x50
.equ IDT_ERROR,         2               ; error code: the selector is a vector
.equ UNMASK_ZERO_DIVIDE, 0x037B
.equ DR6_SINGLE_STEP,   0x4000

    ENTER_PMODE
    call idt_init
    mov ax, TSS
    ltr ax

    ; The FPU is to report its errors as #MF, not through the PIC.
    mov eax, cr0
    or eax, CR0_NE | 2
    and al, 0xFF - 4
    mov cr0, eax
    fninit

    ; Identity-map 4 MiB but for one page.
    mov edi, PAGE_DIRECTORY
    mov ecx, 1024
    xor eax, eax
    rep stosd
    mov dword ptr [PAGE_DIRECTORY], PAGE_TABLE | 3
    mov eax, 3
    mov ecx, 1024
map:
    stosd
    add eax, 0x1000
    loop map
    mov dword ptr [PAGE_TABLE + MISSING / 4096 * 4], 0
    mov eax, PAGE_DIRECTORY
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax

    ; A data segment that is not present.
    mov dword ptr [gdt + NOT_PRESENT_DATA], 0x0000FFFF
    mov dword ptr [gdt + NOT_PRESENT_DATA + 4], 0x00CF1200

    TRY
    xor eax, eax
    cdq
1:  div eax
    SEEN "#DE by zero", 0, 0, 1b

    TRY
    mov eax, 0x80000000
    cdq
    mov ecx, -1
1:  idiv ecx
    SEEN "#DE overflow", 0, 0, 1b

    TRY
    pushfd
    or dword ptr [esp], EFLAGS_TF
    popfd
    nop                         ; the trap comes after the instruction behind POPF
1:  nop
    SEEN "#DB single step", 1, 0, 1b
    mov eax, dr6
    test eax, DR6_SINGLE_STEP
    jz no_single_step
    xor eax, eax
    mov dr6, eax

    TRY
    int3
1:  nop
    SEEN "#BP", 3, 0, 1b

    TRY
    mov al, 0x7F
    inc al
    into
1:  nop
    SEEN "#OF", 4, 0, 1b

    TRY
    mov eax, 11
1:  bound eax, [bounds]
    SEEN "#BR", 5, 0, 1b

    TRY
1:  ud2
    SEEN "#UD", 6, 0, 1b

    TRY
    mov eax, cr0
    or eax, CR0_TS
    mov cr0, eax
1:  fnop
    SEEN "#NM", 7, 0, 1b
    clts

    ; The gate of #GP is gone, so its delivery faults: two contributory exceptions are a double
    ; fault.
    mov byte ptr [IDT + 13 * 8 + 5], 0
    TRY
    mov ax, NO_SUCH_SELECTOR
    mov fs, ax
    SEEN "#DF", 8, 0, ANYWHERE
    mov byte ptr [IDT + 13 * 8 + 5], GATE >> 8

    ; IRET with NT wants to go back to the task that the task state names.
    mov word ptr [tss], NO_SUCH_SELECTOR
    TRY
    pushfd
    or dword ptr [esp], EFLAGS_NT
    popfd
1:  iretd
    SEEN "#TS", 10, NO_SUCH_SELECTOR, 1b

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
    xor eax, eax
1:  mov ss, ax                  ; unlike the others, SS may not be null
    SEEN "#GP null stack", 13, 0, 1b

    TRY
1:  int NO_GATE
    SEEN "#GP missing gate", 13, NO_GATE * 8 + IDT_ERROR, 1b

    TRY
1:  mov eax, [MISSING + 4]
    SEEN "#PF read", 14, 0, 1b
    mov eax, cr2
    cmp eax, MISSING + 4
    jne wrong_address

    TRY
1:  mov [MISSING + 8], eax
    SEEN "#PF write", 14, 2, 1b

    TRY
    mov eax, MISSING + 12
    jmp eax
    SEEN "#PF fetch", 14, 0, MISSING + 12

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

; All exceptions, EBP at the frame.
interrupt:
    mov eax, [ebp + F_VECTOR]
    mov [seen_vector], eax
    mov eax, [ebp + F_ERROR]
    mov [seen_error], eax
    mov eax, [ebp + F_EIP]
    mov [seen_address], eax
    mov esp, [stack]
    push 2                      ; no single steps, no nested task any more
    popfd
    jmp [resume]

; Remember the stack of whoever called.
save_stack:
    lea eax, [esp + 4]
    mov [stack], eax
    ret

; Behind the call: name, vector, error code, address. Print the name and compare.
say_name:
    pop esi
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
    jmp esi
.differs:
    PRINT ": wrong, got vector "
    mov eax, [seen_vector]
    call print_byte
    PRINT " error "
    mov eax, [seen_error]
    call print_hex
    PRINT " at "
    mov eax, [seen_address]
    call print_hex
    EXIT 1

.align 4, 0
seen_vector:
    .long 0
seen_error:
    .long 0
seen_address:
    .long 0
resume:
    .long 0
stack:
    .long 0
bounds:
    .long 0, 10
fpu_control:
    .word UNMASK_ZERO_DIVIDE

.include "idt32.inc"
.include "print32.inc"
GDT
IMAGE_END
