; A disk on the VMBus's SCSI controller, by interrupts: identifies it, reads and checks a pattern,
; writes and reads back, flushes its cache, and is refused what lies behind the end.
;
; Machine: a hypervisor with Microsoft's interface, a SCSI disk whose sectors hold their own number
; in every 32-bit word, COM1.
; Success: the data is right, the host has interrupted, exit code 0.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

.equ READ_FROM,         1000
.equ WRITE_AT,          64
.equ WRITE_AS,          5000        ; with the pattern of these sectors
.equ COUNT,             16
.equ SENSE_ILLEGAL,     0x05        ; sense key
.equ SENSE_NO_SUCH_LBA, 0x21        ; additional sense code

    ENTER_LONG_MODE
    call idt_init
    mov eax, VMBUS_VECTOR
    call storvsc_open

    ; Who is it?
    mov esi, offset inquiry
    mov ecx, 36
    mov al, DATA_IN
    call scsi_command
    jc failed
    cmp eax, 36
    jne wrong_length
    cmp byte ptr [BUFFER], 0        ; a disk, and there
    jne not_a_disk
    PRINT "disk: "
    mov esi, BUFFER + 8             ; vendor and product
    mov ecx, 24
    call print_text
    PRINT "\r\n"

    mov esi, offset read_capacity
    mov ecx, 8
    mov al, DATA_IN
    call scsi_command
    jc failed
    mov ebx, [BUFFER]
    bswap ebx
    inc ebx                         ; what it names is the last one
    mov r13d, ebx
    mov eax, ebx
    PRINT "sectors: "
    call print_decimal
    PRINT "\r\n"
    mov eax, [BUFFER + 4]
    bswap eax
    cmp eax, SECTOR_BYTES
    jne wrong_length

    ; Read. The buffer begins within a page, so this is three pages for two pages of data.
    call buffer_clear
    mov ebx, READ_FROM
    mov r12d, COUNT
    call disk_read
    jc failed
    cmp eax, COUNT * SECTOR_BYTES
    jne wrong_length
    call pattern_check
    jne wrong_data
    cmp qword ptr [BUFFER + COUNT * SECTOR_BYTES], 0
    jne wrong_data                  ; it wrote beyond
    PRINT "read: ok\r\n"

    ; Write, see that what was there is there no more, and that its neighbours still are.
    mov ebx, WRITE_AS
    call pattern_fill
    mov ebx, WRITE_AT
    call disk_write
    jc failed
    mov esi, offset synchronize_cache
    xor ecx, ecx
    mov al, DATA_NONE
    call scsi_command
    jc failed
    call buffer_clear
    call disk_read
    jc failed
    mov ebx, WRITE_AS
    call pattern_check
    jne wrong_data
    mov r12d, 1
    mov ebx, WRITE_AT - 1
    call read_and_check
    mov ebx, WRITE_AT + COUNT
    call read_and_check
    PRINT "write: ok\r\n"

    ; From the last sector on there are not two.
    lea ebx, [r13 - 1]
    call read_and_check
    mov r12d, 2
    call disk_read
    jnc not_refused
    mov al, [VSTOR + V_CDB + 2]
    and al, 0x0F
    cmp al, SENSE_ILLEGAL
    jne failed
    cmp byte ptr [VSTOR + V_CDB + 12], SENSE_NO_SUCH_LBA
    jne failed
    PRINT "past the end: refused\r\n"

    call vmbus_close
    call vmbus_unload
    cmp dword ptr [interrupts + (VMBUS_VECTOR - FIRST_VECTOR) * 4], 0
    je no_interrupts
    EXIT 0

; R12D sectors from EBX on must hold the pattern.
read_and_check:
    call disk_read
    jc failed
    call pattern_check
    jne wrong_data
    ret

failed:
    PRINT "command failed, SRB and SCSI status: "
    mov ax, [VSTOR + V_SRB_STATUS]
    xchg al, ah
    call print_word
    EXIT 2
not_a_disk:
    FAIL 3, "this is not a disk"
wrong_length:
    FAIL 4, "not the right length"
wrong_data:
    FAIL 5, "wrong data"
not_refused:
    FAIL 6, "there is something behind the end"
no_interrupts:
    FAIL 7, "no interrupts came"

    .align 16, 0
inquiry:
    .byte 0x12, 0, 0, 0, 36
    .align 16, 0
read_capacity:
    .byte 0x25
    .align 16, 0
synchronize_cache:
    .byte 0x35
    .align 16, 0

.include "scsi_disk.inc"
.include "storvsc.inc"
.include "hypercall.inc"
.include "synic.inc"
.include "synic_irq.inc"
.include "vmbus.inc"
.include "ring.inc"
.include "report64.inc"
.include "idt64.inc"
.include "print64.inc"
GDT64
IMAGE_END
