; The VMBus: connects, lists every device that the host offers, leaves, and comes back once more.
;
; Machine: a hypervisor with Microsoft's interface and a VMBus, COM1.
; Success: the same devices twice, exit code 0.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

    ENTER_LONG_MODE
    call idt_init
    call hyperv_vmbus_init
    mov eax, VMBUS_VECTOR
    call vmbus_connect
    PRINT "VMBus version "
    movzx eax, word ptr [vmbus_version + 2]
    call print_decimal
    mov al, '.'
    call putc
    movzx eax, word ptr [vmbus_version]
    call print_decimal
    PRINT "\r\n"

    call vmbus_request_offers
    mov ebx, OFFERS
    mov r12d, [offers]
    test r12d, r12d
    jz no_offers
next_offer:
    PRINT "channel "
    mov eax, [rbx + O_CHANNEL]
    call print_decimal
    PRINT ": class "
    lea esi, [rbx + O_CLASS]
    call print_guid
    PRINT " ("
    call print_class
    PRINT ")\r\n    instance "
    lea esi, [rbx + O_INSTANCE]
    call print_guid
    PRINT ", connection "
    mov eax, [rbx + O_CONNECTION]
    call print_dword
    PRINT "\r\n"
    add ebx, OFFER_SLOT
    dec r12d
    jnz next_offer

    ; Who unloads may connect again, and finds what was there before.
    mov r12d, [offers]
    call vmbus_unload
    PRINT "unloaded\r\n"
    mov eax, VMBUS_VECTOR
    call vmbus_connect
    call vmbus_request_offers
    cmp r12d, [offers]
    jne other_offers
    call vmbus_unload
    PRINT "once more: ok\r\n"
    EXIT 0

; Print the name of the class at RSI. Changes RAX, RDX.
print_class:
    push rsi
    mov edx, offset known_classes
.next:
    mov eax, [rdx]
    test eax, eax
    jz .unknown
    push rdx
    mov rdx, [rax]
    cmp rdx, [rsi]
    jne .other
    mov rdx, [rax + 8]
    cmp rdx, [rsi + 8]
.other:
    pop rdx
    je .known
    add edx, KNOWN_CLASS
    jmp .next
.unknown:
    mov edx, offset unknown_class
.known:
    lea esi, [rdx + 4]
.letter:
    lodsb
    test al, al
    jz .done
    call putc
    jmp .letter
.done:
    pop rsi
    ret

no_offers:
    FAIL 2, "no devices"
other_offers:
    FAIL 3, "not the same devices"

; Classes with their names, all entries of one size.
.equ KNOWN_CLASS, 16
.macro CLASS address, name
    .long \address
    .asciz "\name"
    .align KNOWN_CLASS, 0
.endm
    .align KNOWN_CLASS, 0
known_classes:
    CLASS class_scsi, "SCSI"
    CLASS class_keyboard, "keyboard"
    CLASS class_mouse, "mouse"
    CLASS class_shutdown, "shutdown"
    CLASS class_heartbeat, "heartbeat"
    CLASS class_time_sync, "time sync"
    CLASS class_kvp, "data xchg"
unknown_class:
    CLASS 0, "unknown"

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
