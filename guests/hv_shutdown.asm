; The shutdown component: agrees on a version, waits until the host asks for power-off, agrees to
; that, and switches the machine off by ACPI.
;
; Machine: a hypervisor with Microsoft's interface and the shutdown component, ACPI's PM1a control
; register at port 604h with soft-off as type 5 (an operating system reads both in ACPI's tables),
; COM1.
; Input: ask the guest to shut down, after "ready". Success: the machine goes off.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

.equ IC_VERSION,        3           ; 3.0
.equ IC_SHUTDOWN,       3           ; type of request

; A shutdown request.
.equ S_REASON,          IC_BODY
.equ S_SECONDS,         IC_BODY + 4
.equ S_FLAGS,           IC_BODY + 8
.equ S_TEXT,            IC_BODY + 12    ; UTF-16
.equ S_BYTES,           IC_BODY + 12 + 0x800
.equ SHUTDOWN_FORCE,    1           ; the other flags ask for restart or hibernation

.equ PM1A_CONTROL,      0x604
.equ SOFT_OFF,          5 << 10 | 1 << 13   ; sleep type, sleep enable

    ENTER_LONG_MODE
    call idt_init
    mov esi, offset class_shutdown
    mov eax, VMBUS_VECTOR
    call device_open
    PRINT "ready\r\n"

next_request:
    call ic_wait
    cmp eax, IC_SHUTDOWN
    jne refuse
    cmp ecx, S_BYTES
    jb refuse
    PRINT "shutdown, reason "
    mov eax, [rsi + S_REASON]
    call print_dword
    PRINT ", flags "
    mov eax, [rsi + S_FLAGS]
    call print_dword
    PRINT ": "
    call print_reason
    PRINT "\r\n"
    test dword ptr [rsi + S_FLAGS], ~SHUTDOWN_FORCE & 0xFFFFFFFF
    jz power_off
refuse:
    PRINT "refused\r\n"
    mov eax, IC_E_FAIL
    call ic_answer
    jmp next_request

    ; The host gets its answer first; it cannot have one from a machine that is off.
power_off:
    mov eax, IC_OK
    call ic_answer
    call vmbus_close
    call vmbus_unload
    PRINT "power off\r\n"
    mov dx, PM1A_CONTROL
    mov ax, SOFT_OFF
    out dx, ax
    FAIL 2, "the machine is still on"

; Print what the request at RSI says, ASCII only. Changes RAX, RCX.
print_reason:
    push rsi
    add rsi, S_TEXT
    mov ecx, 0x800 / 2
.letter:
    lodsw
    cmp ax, ' '
    jb .done
    cmp ax, '~'
    ja .next
    call putc
.next:
    dec ecx
    jnz .letter
.done:
    pop rsi
    ret

.include "ic.inc"
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
