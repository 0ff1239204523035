; The same disk without an interrupt: the bus's source stays masked, messages and rings are looked
; at until there is something, and the host is asked not to signal.
;
; Machine: a hypervisor with Microsoft's interface, a SCSI disk whose sectors hold their own number
; in every 32-bit word, COM1.
; Success: the data is right, exit code 0; any interrupt ends the run with another one.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

.equ READ_FROM,     100
.equ COUNT,         2
.equ ROUNDS,        150                 ; enough to go round the ring of completions
    .assert ROUNDS * (P_HEADER + VSTOR_BYTES + 8) > RING_DATA, "the ring would not wrap"

    ENTER_LONG_MODE
    call idt_init
    mov eax, SINT_MASKED | VMBUS_VECTOR
    call storvsc_open
    mov dword ptr [IN_RING + R_MASK], 1

    mov ebx, READ_FROM
    mov r12d, COUNT
    mov r13d, ROUNDS
read:
    call buffer_clear
    call disk_read
    jc failed
    cmp eax, COUNT * SECTOR_BYTES
    jne wrong_data
    call pattern_check
    jne wrong_data
    add ebx, COUNT
    dec r13d
    jnz read
    PRINT "read: ok\r\n"

    ; Since we asked for silence no flag was set, and messages needed no interrupt.
    mov eax, [channel]
    bt dword ptr [SIEFP + VMBUS_SINT * 256], eax
    jc signalled
    call vmbus_unload
    PRINT "no interrupts: ok\r\n"
    EXIT 0

; Nothing to do: let the other thread of this core go on, and look again. Interrupts are on, so none
; would stay unseen.
idle:
    pause
    sti
    ret

.equ interrupt, unexpected_interrupt

failed:
    FAIL 2, "command failed"
wrong_data:
    FAIL 3, "wrong data"
signalled:
    FAIL 4, "the host has signalled"

.include "scsi_disk.inc"
.include "storvsc.inc"
.include "hypercall.inc"
.include "synic.inc"
.include "vmbus.inc"
.include "ring.inc"
.include "report64.inc"
.include "idt64.inc"
.include "print64.inc"
GDT64
IMAGE_END
