; String input and output in 32-bit mode: INS and OUTS in all sizes, both directions and both
; address sizes, over page borders and into a page that is mapped only when the instruction faults
; on it.
;
; Machine: an 80386 or later, this image as first drive of the primary IDE channel, 8 MiB of memory,
; COM1.
; Success: not a word lost, repeated or misplaced, registers as they must be at each fault and at
; the end, exit code 0.

.include "boot.inc"
.include "pmode.inc"

.equ PAGE_DIRECTORY,    0x10000
.equ LOW_TABLE,         0x11000
.equ HIGH_TABLE,        0x12000
.equ FRAME,             0x200000

.equ BUFFER,            0x20000
.equ SEGMENT_BASE,      0x30000         ; of the segment for 16-bit addresses
.equ HIGH,              0x400000
.equ BORDER,            HIGH + 0x1000   ; the page from here on is missing, the one before is not

.equ SMALL,             FIRST_SPARE
.equ CMOS_CELL,         0x60            ; memory that nobody uses, as a port that keeps what it gets

; What was read must be the sector: words at `address`, `step` bytes apart.
.macro CHECK address, step=2
    mov esi, \address
    mov edi, \step
    call check_sector
.endm

; A register must have this value.
.macro IS register, value
    cmp \register, \value
    jne wrong_register
.endm

; Take the page behind the border away, but not its contents; the next instruction must fault on it
; with these registers (0: whatever it is).
.macro WILL_FAULT edi=0, esi=0, ecx=0
    mov dword ptr [fault_edi], \edi
    mov dword ptr [fault_esi], \esi
    mov dword ptr [fault_ecx], \ecx
    mov dword ptr [faults], 0
    mov dword ptr [HIGH_TABLE + 4], 0
    invlpg [BORDER]
.endm

.macro FAULTED
    IS dword ptr [faults], 1
.endm

.macro READ
    LBA edx, sector
    mov al, READ_SECTORS
    call disk_start
.endm

    ENTER_PMODE
    call idt_init

    ; Identity-map 4 MiB, and of the next 4 MiB the first page.
    mov edi, PAGE_DIRECTORY
    mov ecx, 3 * 1024
    xor eax, eax
    rep stosd
    mov dword ptr [PAGE_DIRECTORY], LOW_TABLE | 3
    mov dword ptr [PAGE_DIRECTORY + 4], HIGH_TABLE | 3
    mov dword ptr [HIGH_TABLE], FRAME | 3
    mov edi, LOW_TABLE
    mov ecx, 1024
    mov eax, 3
map:
    stosd
    add eax, 0x1000
    loop map
    mov eax, PAGE_DIRECTORY
    mov cr3, eax
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax

    ; A data segment of 64 KiB with a base.
    mov dword ptr [gdt + SMALL], (SEGMENT_BASE & 0xFFFF) << 16 | 0xFFFF
    mov dword ptr [gdt + SMALL + 4], SEGMENT_BASE >> 16 | 0x00009200

    ; Words and doublewords, forward.
    READ
    mov edi, BUFFER
    mov ecx, 256
    rep insw
    IS ecx, 0
    IS edi, BUFFER + 512
    call disk_finish
    CHECK BUFFER
    READ
    mov edi, BUFFER + 0xFF0             ; over a page border
    mov ecx, 128
    rep insd
    IS edi, BUFFER + 0xFF0 + 512
    call disk_finish
    CHECK BUFFER + 0xFF0
    PRINT "ins forward: ok\r\n"

    ; Backward: the first word lands highest.
    READ
    std
    mov edi, BUFFER + 0x11F0
    mov ecx, 256
    rep insw
    cld
    IS edi, BUFFER + 0x11F0 - 512
    call disk_finish
    CHECK BUFFER + 0x11F0, -2
    PRINT "ins backward: ok\r\n"

    ; One at a time, and not at all.
    READ
    mov edi, BUFFER
    xor ecx, ecx
    rep insw
    IS edi, BUFFER
one_word:
    insw
    cmp edi, BUFFER + 512
    jb one_word
    call disk_finish
    CHECK BUFFER
    PRINT "ins single: ok\r\n"

    ; 16-bit addresses wrap inside the segment and leave the upper halves of their registers alone.
    READ
    mov ax, SMALL
    mov es, ax
    mov edi, 0x1FF00
    mov ecx, 0x00050100
    a16 rep insw
    mov ax, DATA
    mov es, ax
    IS ecx, 0x00050000
    IS edi, 0x10100
    call disk_finish
    mov esi, SEGMENT_BASE + 0xFF00      ; put both halves together
    mov edi, BUFFER
    mov ecx, 64
    rep movsd
    mov esi, SEGMENT_BASE
    mov ecx, 64
    rep movsd
    CHECK BUFFER
    PRINT "ins with 16-bit addresses: ok\r\n"

    ; Into the missing page: the fault comes exactly there, with all words before it stored and
    ; counted.
    READ
    mov edi, BORDER - 100
    mov ecx, 256
    WILL_FAULT edi=BORDER, ecx=256 - 50
    rep insw
    IS edi, BORDER - 100 + 512
    call disk_finish
    FAULTED
    CHECK BORDER - 100
    READ
    mov edi, BORDER - 101               ; a doubleword on both sides of the border
    mov ecx, 128
    WILL_FAULT edi=BORDER - 1, ecx=128 - 25
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
    mov dword ptr [BUFFER], 0
    mov dword ptr [BUFFER + 4], 0
    mov edi, BUFFER + 1
    mov ecx, 5
    mov dx, CMOS_DATA
    rep insb
    IS edi, BUFFER + 6
    IS dword ptr [BUFFER], 0x5A5A5A00
    IS dword ptr [BUFFER + 4], 0x00005A5A
    PRINT "ins bytes: ok\r\n"

    ; Out: the sector goes to the disk from a source that the second half of is missing, and comes
    ; back.
    mov esi, BUFFER
    call fill
    mov esi, BUFFER                     ; through the window, so that the frame has the data
    mov edi, BORDER - 256
    mov ecx, 128
    WILL_FAULT edi=BORDER, ecx=64
    rep movsd
    FAULTED
    LBA edx, scratch
    mov al, WRITE_SECTORS
    call disk_start
    mov esi, BORDER - 256
    mov ecx, 256
    WILL_FAULT esi=BORDER, ecx=128
    rep outsw
    IS esi, BORDER + 256
    call disk_finish
    FAULTED
    call read_scratch
    CHECK BUFFER
    PRINT "outs from a missing page: ok\r\n"

    ; Doublewords, backward, from another segment: the sector arrives with its doublewords in
    ; reverse.
    mov esi, SEGMENT_BASE + 0x1000
    call fill
    LBA edx, scratch
    mov al, WRITE_SECTORS
    call disk_start
    mov ax, SMALL
    mov fs, ax
    std
    mov esi, 0x1000 + 512 - 4
    mov ecx, 128
    fs rep outsd
    cld
    IS esi, 0x1000 - 4
    call disk_finish
    call read_scratch
    mov esi, BUFFER
    mov edi, BUFFER + 0x1000 + 512 - 4
    mov ecx, 128
reverse:
    lodsd
    mov [edi], eax
    sub edi, 4
    loop reverse
    CHECK BUFFER + 0x1000
    PRINT "outs backward from FS: ok\r\n"

    ; Bytes: the port keeps the last one.
    mov esi, offset bytes
    mov ecx, bytes_end - bytes
    mov dx, CMOS_DATA
    rep outsb
    in al, dx
    IS al, [bytes_end - 1]
    PRINT "outs bytes: ok\r\n"
    EXIT 0

bytes:
    .byte 1, 2, 3, 0xA5
bytes_end:

; Is the sector at ESI, each word EDI bytes behind the one before?
check_sector:
    mov eax, START
    mov ecx, 256
.next:
    cmp [esi], ax
    jne .differs
    mov word ptr [esi], 0               ; the next check must not find it again
    add esi, edi
    add eax, STEP
    loop .next
    ret
.differs:
    PRINT "wrong word at "
    mov eax, esi
    call print_hex
    EXIT 1

; Put the sector at ESI.
fill:
    mov eax, START
    mov ecx, 256
.next:
    mov [esi], ax
    add esi, 2
    add eax, STEP
    loop .next
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
    cmp dword ptr [ebp + F_VECTOR], 14
    jne unexpected
    mov eax, cr2
    IS eax, BORDER
    mov eax, [fault_ecx]
    IS [ebp + F_ECX], eax
    mov eax, [fault_edi]
    test eax, eax
    jz .no_edi
    IS [ebp + F_EDI], eax
.no_edi:
    mov eax, [fault_esi]
    test eax, eax
    jz .no_esi
    IS [ebp + F_ESI], eax
.no_esi:
    inc dword ptr [faults]
    mov dword ptr [HIGH_TABLE + 4], FRAME + 0x1000 | 3
    ret

unexpected:
    PRINT "unexpected interrupt "
    mov al, [ebp + F_VECTOR]
    call print_byte
    EXIT 2
wrong_register:
    PRINT "a register is wrong\r\n"
    EXIT 3
disk_failed:
    PRINT "the drive reports status "
    call print_byte
    EXIT 4

.align 4, 0
faults:
    .long 0
fault_edi:
    .long 0
fault_esi:
    .long 0
fault_ecx:
    .long 0

.include "string_disk.inc"
.include "idt32.inc"
.include "print32.inc"
GDT
IMAGE_END
SECTOR
scratch:
    .fill 512
