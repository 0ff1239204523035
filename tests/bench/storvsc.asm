; For the benchmarks: ROUNDS requests of COUNT sectors to the SCSI disk, no data looked at, no interrupts.
; COUNT, ROUNDS and WRITING are defined by whoever assembles this.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

    ENTER_LONG_MODE
    call idt_init
    mov eax, SINT_MASKED | VMBUS_VECTOR
    call storvsc_open
    mov dword ptr [IN_RING + R_MASK], 1
    xor ebx, ebx
    mov r12d, COUNT
    mov r13d, ROUNDS
    test r13d, r13d
    jz done
request:
    .if WRITING
    call disk_write
    .else
    call disk_read
    .endif
    jc failed
    dec r13d
    jnz request
done:
    EXIT 0

idle:
    pause
    ret

.equ interrupt, unexpected_interrupt

failed:
    FAIL 2, "command failed"

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
