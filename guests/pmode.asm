; 32-bit protected mode: paging with a page-fault handler that repairs, a protection fault, a trip
; to ring 3 and back.
;
; Machine: an 80486 or later (CR0.WP), 8 MiB of memory, COM1.
; Success: every fault comes with the address and error code that it must have, exit code 0.

.include "boot.inc"
.include "pmode.inc"

.equ PAGE_DIRECTORY,    0x10000
.equ LOW_TABLE,         0x11000         ; maps 0 to 4 MiB as it is
.equ HIGH_TABLE,        0x12000         ; maps 4 to 8 MiB, at first nothing of it
.equ FRAMES,            0x200000        ; pages handed out by the fault handler

.equ PRESENT,           1
.equ WRITABLE,          2
.equ USER,              4

.equ HIGH,              0x400000
.equ READ_ONLY,         HIGH + 0x5000
.equ USER_STACK,        HIGH + 0x8000   ; its top; the page below is mapped on demand
.equ FORBIDDEN,         0x2000          ; a page that ring 3 may not read

; Page fault error codes.
.equ PF_PRESENT,        1
.equ PF_WRITE,          2
.equ PF_USER,           4

.equ SYSTEM_CALL,       0x80

; A fault is expected: with this vector, error code and, for page faults, address; go on at
; `resume`, or retry.
.macro EXPECT vector, error, address=0, resume=0
    mov dword ptr [expected_vector], \vector
    mov dword ptr [expected_error], \error
    mov dword ptr [expected_address], \address
    mov dword ptr [expected_resume], \resume
.endm

; Nothing but the expected fault must have happened since.
.macro HAPPENED
    cmp dword ptr [expected_vector], 0
    jne not_happened
.endm

    ENTER_PMODE
    call idt_init
    SET_GATE SYSTEM_CALL, interrupt_stub_80, GATE_USER
    mov ax, TSS
    ltr ax
    PRINT "protected mode\r\n"

    ; Identity-map the first 4 MiB. Our image is open to ring 3, which runs in it; the rest is not.
    mov edi, PAGE_DIRECTORY
    mov ecx, 3 * 1024
    xor eax, eax
    rep stosd
    mov dword ptr [PAGE_DIRECTORY], LOW_TABLE | PRESENT | WRITABLE | USER
    mov dword ptr [PAGE_DIRECTORY + 4], HIGH_TABLE | PRESENT | WRITABLE | USER
    mov edi, LOW_TABLE
    mov eax, PRESENT | WRITABLE
map_page:
    mov [edi], eax
    cmp eax, 0x7000
    jb keep_private
    cmp eax, 0x10000
    ja keep_private
    or dword ptr [edi], USER
keep_private:
    add edi, 4
    add eax, 0x1000
    cmp edi, LOW_TABLE + 0x1000
    jb map_page
    mov eax, PAGE_DIRECTORY
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG | CR0_WP
    mov cr0, eax
    PRINT "paging is on\r\n"

    ; A write to a page that is not there: the handler maps it and the write happens after all.
    EXPECT 14, PF_WRITE, HIGH + 0x123
    mov dword ptr [HIGH + 0x123], 0xC0FFEE
    HAPPENED
    cmp dword ptr [FRAMES + 0x123], 0xC0FFEE
    jne wrong
    PRINT "missing page: mapped on demand\r\n"

    ; A write to a page that is read-only, for ring 0 too because of CR0.WP.
    mov dword ptr [HIGH_TABLE + 5 * 4], 0x300000 | PRESENT
    EXPECT 14, PF_WRITE | PF_PRESENT, READ_ONLY
    mov byte ptr [READ_ONLY], 1
    HAPPENED
    PRINT "read-only page: opened on demand\r\n"

    ; A selector behind the end of the table.
    EXPECT 13, 0xFFF8, 0, after_selector
    mov ax, 0xFFF8
    mov ds, ax
after_selector:
    HAPPENED
    PRINT "bad selector: refused\r\n"

    ; To ring 3: IRET with a stack of that level. The first push there finds no page.
    EXPECT 14, PF_WRITE | PF_USER, USER_STACK - 4
    push USER_DATA
    push USER_STACK
    push 0x02
    push USER_CODE
    push offset user
    iretd

; In ring 3.
user:
    mov ax, USER_DATA
    mov ds, ax
    mov es, ax
    push 0x1234
    HAPPENED

    ; CLI is not for everybody.
    EXPECT 13, 0, 0, after_cli
    cli
after_cli:
    HAPPENED

    ; Nor is the kernel's memory.
    EXPECT 14, PF_PRESENT | PF_USER, FORBIDDEN, after_read
    mov eax, [FORBIDDEN]
after_read:
    HAPPENED

    ; System calls: EAX = 1 writes the character in BL, EAX = 0 ends.
    mov esi, offset user_text
user_next:
    mov bl, [esi]
    inc esi
    test bl, bl
    jz user_done
    mov eax, 1
    int SYSTEM_CALL
    jmp user_next
user_done:
    pop ecx
    xor eax, eax
    int SYSTEM_CALL

user_text:
    .asciz "hello from ring 3\r\n"

; The stub of the system call, which idt_init has no slot for.
interrupt_stub_80:
    push 0
    push SYSTEM_CALL
    jmp interrupt_entry

; All exceptions and the system call, in ring 0, EBP at the frame.
interrupt:
    mov eax, [ebp + F_VECTOR]
    cmp eax, SYSTEM_CALL
    je system_call
    cmp eax, [expected_vector]
    jne unexpected
    mov edx, [ebp + F_ERROR]
    cmp edx, [expected_error]
    jne unexpected
    mov dword ptr [expected_vector], 0
    cmp eax, 14
    je page_fault
    mov eax, [expected_resume]
    mov [ebp + F_EIP], eax
    ret

page_fault:
    mov ecx, cr2
    cmp ecx, [expected_address]
    jne unexpected
    mov eax, [expected_resume]
    test eax, eax
    jz repair
    mov [ebp + F_EIP], eax
    ret

; Give the address in ECX a page that can be written: a new one if it has none.
repair:
    mov ebx, ecx
    sub ebx, HIGH
    shr ebx, 12
    mov eax, [HIGH_TABLE + ebx * 4]
    test al, PRESENT
    jnz .have_page
    mov eax, [next_frame]
    add dword ptr [next_frame], 0x1000
.have_page:
    or eax, PRESENT | WRITABLE | USER
    mov [HIGH_TABLE + ebx * 4], eax
    invlpg [ecx]
    ret

system_call:
    cmp dword ptr [ebp + F_CS], USER_CODE
    jne unexpected
    cmp dword ptr [ebp + F_EAX], 0
    je user_exit
    mov al, [ebp + F_EBX]
    jmp putc

; ECX came from the user's stack, which the fault handler made.
user_exit:
    cmp dword ptr [ebp + F_ECX], 0x1234
    jne wrong
    PRINT "back in ring 0\r\n"
    EXIT 0

unexpected:
    PRINT "unexpected interrupt "
    call print_byte
    PRINT ", error "
    mov eax, [ebp + F_ERROR]
    call print_hex
    PRINT ", address "
    mov eax, cr2
    call print_hex
    PRINT ", at "
    mov eax, [ebp + F_EIP]
    call print_hex
    EXIT 2
not_happened:
    PRINT "an expected fault did not come\r\n"
    EXIT 3
wrong:
    PRINT "wrong data\r\n"
    EXIT 4

.align 4, 0
expected_vector:
    .long 0
expected_error:
    .long 0
expected_address:
    .long 0
expected_resume:
    .long 0
next_frame:
    .long FRAMES

.include "idt32.inc"
.include "print32.inc"
GDT
IMAGE_END
