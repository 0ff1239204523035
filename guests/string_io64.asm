; String input and output in 64-bit mode: INS and OUTS with 64-bit addresses in the upper half and
; with 32-bit addresses, both directions, over page borders and into a page that is mapped only when
; the instruction faults on it.
;
; Machine: an x86-64 processor, this image as first drive of the primary IDE channel, 4 MiB of
; memory, COM1.
; Success: not a word lost, repeated or misplaced, registers as they must be at each fault and at
; the end, exit code 0.

.include "boot.inc"
.include "long.inc"

.equ BUFFER,            0x20000
.equ FRAME,             0x200000
.equ HIGH,              0xFFFF800000000000
.equ BORDER,            HIGH + 0x1000   ; the page from here on is missing, the one before is not
.equ CMOS_CELL,         0x60            ; memory that nobody uses, as a port that keeps what it gets

; What was read must be the sector: words at `address`, `step` bytes apart.
.macro CHECK address, step=2
    mov rsi, \address
    mov rdi, \step
    call check_sector
.endm

; A register must have this value. Changes RAX.
.macro IS register, value
    mov rax, \value
    cmp \register, rax
    jne wrong_register
.endm

; Take the page behind the border away, but not its contents; the next instruction must fault on it
; with these registers (0: whatever it is).
.macro WILL_FAULT rdi=0, rsi=0, rcx=0
    mov rax, \rdi
    mov [fault_rdi], rax
    mov rax, \rsi
    mov [fault_rsi], rax
    mov qword ptr [fault_rcx], \rcx
    mov dword ptr [faults], 0
    mov dword ptr [PAGE_TABLE + 8], 0
    mov rax, BORDER
    invlpg [rax]
.endm

.macro FAULTED
    cmp dword ptr [faults], 1
    jne wrong_register
.endm

.macro READ
    LBA edx, sector
    mov al, READ_SECTORS
    call disk_start
.endm

    ENTER_LONG_MODE
    call idt_init

    ; The upper half begins with one page of ours.
    mov dword ptr [PML4 + 256 * 8], PAGE_POINTERS | PRESENT | WRITABLE
    mov dword ptr [PAGE_POINTERS], (PAGE_POINTERS + 0x1000) | PRESENT | WRITABLE
    mov edi, PAGE_POINTERS + 0x1000
    mov ecx, 1024
    xor eax, eax
    rep stosd
    mov dword ptr [PAGE_POINTERS + 0x1000], PAGE_TABLE | PRESENT | WRITABLE
    mov dword ptr [PAGE_TABLE], FRAME | PRESENT | WRITABLE

    ; Words to the upper half, forward.
    READ
    mov rdi, HIGH
    mov ecx, 256
    rep insw
    IS rcx, 0
    IS rdi, HIGH + 512
    call disk_finish
    CHECK HIGH
    PRINT "ins with 64-bit addresses: ok\r\n"

    ; Doublewords, backward.
    READ
    std
    mov rdi, HIGH + 0x800
    mov ecx, 128
    rep insd
    cld
    IS rdi, HIGH + 0x800 - 512
    call disk_finish
    mov rsi, HIGH + 0x800               ; turn the doublewords round
    mov edi, BUFFER
    mov ecx, 128
turn:
    mov eax, [rsi]
    stosd
    sub rsi, 4
    dec ecx
    jnz turn
    CHECK BUFFER
    PRINT "ins backward: ok\r\n"

    ; 32-bit addresses: what the upper halves hold does not matter, and does not last.
    READ
    mov rdi, 0xDEADBEEF00000000 | (BUFFER + 0xF80)
    mov rcx, 0x1234567800000100
    a32 rep insw
    IS rcx, 0
    IS rdi, BUFFER + 0xF80 + 512
    call disk_finish
    CHECK BUFFER + 0xF80
    PRINT "ins with 32-bit addresses: ok\r\n"

    ; Into the missing page: the fault comes exactly there, with all words before it stored and
    ; counted.
    READ
    mov rdi, BORDER - 100
    mov ecx, 256
    WILL_FAULT rdi=BORDER, rcx=256 - 50
    rep insw
    IS rdi, BORDER - 100 + 512
    call disk_finish
    FAULTED
    CHECK BORDER - 100
    READ
    mov rdi, BORDER - 101               ; a doubleword on both sides of the border
    mov ecx, 128
    WILL_FAULT rdi=BORDER - 1, rcx=128 - 25
    rep insd
    call disk_finish
    FAULTED
    CHECK BORDER - 101
    PRINT "ins into a missing page: ok\r\n"

    ; Bytes, from a port that always gives the same one.
    mov al, CMOS_CELL
    out CMOS_INDEX, al
    mov al, 0x5A
    out CMOS_DATA, al
    mov qword ptr [BUFFER], 0
    mov edi, BUFFER + 1
    mov ecx, 5
    mov dx, CMOS_DATA
    rep insb
    IS rdi, BUFFER + 6
    IS [BUFFER], 0x00005A5A5A5A5A00
    PRINT "ins bytes: ok\r\n"

    ; Out: the sector goes to the disk from a source that the second half of is missing, and comes
    ; back.
    mov rsi, BORDER - 256
    call fill
    LBA edx, scratch
    mov al, WRITE_SECTORS
    call disk_start
    mov rsi, BORDER - 256
    mov ecx, 256
    WILL_FAULT rsi=BORDER, rcx=128
    rep outsw
    IS rsi, BORDER + 256
    call disk_finish
    FAULTED
    call read_scratch
    CHECK BUFFER
    PRINT "outs from a missing page: ok\r\n"

    ; With a segment base that is a register of its own.
    mov esi, BUFFER + 0x1000
    call fill
    mov ecx, MSR_GS_BASE
    mov eax, BUFFER
    xor edx, edx
    wrmsr
    LBA edx, scratch
    mov al, WRITE_SECTORS
    call disk_start
    mov esi, 0x1000
    mov ecx, 128
    gs rep outsd
    IS rsi, 0x1000 + 512
    call disk_finish
    call read_scratch
    CHECK BUFFER
    PRINT "outs from GS: ok\r\n"

    ; Bytes: the port keeps the last one.
    mov esi, offset bytes
    mov ecx, bytes_end - bytes
    mov dx, CMOS_DATA
    rep outsb
    in al, dx
    cmp al, [bytes_end - 1]
    jne wrong_register
    PRINT "outs bytes: ok\r\n"
    EXIT 0

.equ MSR_GS_BASE,   0xC0000101

bytes:
    .byte 1, 2, 3, 0xA5
bytes_end:

; Is the sector at RSI, each word RDI bytes behind the one before?
check_sector:
    mov eax, START
    mov ecx, 256
.next:
    cmp [rsi], ax
    jne .differs
    mov word ptr [rsi], 0               ; the next check must not find it again
    add rsi, rdi
    add eax, STEP
    dec ecx
    jnz .next
    ret
.differs:
    PRINT "wrong word at "
    mov rax, rsi
    call print_hex
    EXIT 1

; Put the sector at RSI.
fill:
    mov eax, START
    mov ecx, 256
.next:
    mov [rsi], ax
    add rsi, 2
    add eax, STEP
    dec ecx
    jnz .next
    ret

; Read back what was written, to BUFFER.
read_scratch:
    LBA edx, scratch
    mov al, READ_SECTORS
    call disk_start
    mov edi, BUFFER
    mov ecx, 256
    rep insw
    jmp disk_finish

; Only page faults on the missing page, with the expected registers. Map it and let the instruction
; go on.
interrupt:
    cmp qword ptr [rbp + F_VECTOR], 14
    jne unexpected
    mov rcx, cr2
    IS rcx, BORDER
    mov rax, [fault_rcx]
    cmp [rbp + F_RCX], rax
    jne wrong_register
    mov rax, [fault_rdi]
    test rax, rax
    jz .no_rdi
    cmp [rbp + F_RDI], rax
    jne wrong_register
.no_rdi:
    mov rax, [fault_rsi]
    test rax, rax
    jz .no_rsi
    cmp [rbp + F_RSI], rax
    jne wrong_register
.no_rsi:
    inc dword ptr [faults]
    mov dword ptr [PAGE_TABLE + 8], (FRAME + 0x1000) | PRESENT | WRITABLE
    ret

unexpected:
    PRINT "unexpected interrupt "
    mov al, [rbp + F_VECTOR]
    call print_byte
    EXIT 2
wrong_register:
    PRINT "a register is wrong\r\n"
    EXIT 3
disk_failed:
    PRINT "the drive reports status "
    call print_byte
    EXIT 4

.align 8, 0
fault_rdi:
    .quad 0
fault_rsi:
    .quad 0
fault_rcx:
    .quad 0
faults:
    .long 0

.include "string_disk.inc"
.include "idt64.inc"
.include "print64.inc"
GDT64
IMAGE_END
SECTOR
scratch:
    .fill 512
