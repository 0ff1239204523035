; The synthetic interrupt controller and its timers: a timer that sends messages, the message that
; finds its slot taken, a source whose interrupts end themselves, a timer that interrupts directly,
; an event flag.
;
; Machine: a hypervisor with Microsoft's interface and direct timers, a VMBus with the heartbeat
; device, COM1.
; Success: every interrupt comes once and not too early, no message is lost, exit code 0.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

.equ TIMER_SINT,        4
.equ TIMER_VECTOR,      0x24
.equ AUTO_SINT,         5
.equ DIRECT_VECTOR,     0x26
.equ MILLISECOND,       10000           ; reference time counts units of 100 ns
.equ TICKS,             10

; A timer's configuration.
.equ TIMER_ENABLED,     0x0001
.equ TIMER_PERIODIC,    0x0002
.equ TIMER_AUTO_ENABLE, 0x0008          ; writing the count starts it
.equ TIMER_DIRECT,      0x1000          ; the vector stands in bits 4 to 11
.equ TIMER_TO_SINT,     1 << 16

; The payload of a timer's message.
.equ T_INDEX,           M_PAYLOAD
.equ T_EXPIRATION,      M_PAYLOAD + 8
.equ T_DELIVERY,        M_PAYLOAD + 16

; RAX = so many interrupts came with this vector.
.macro INTERRUPTS vector
    mov eax, [interrupts + (\vector - FIRST_VECTOR) * 4]
.endm

    ENTER_LONG_MODE
    call idt_init
    mov eax, HV_HYPERCALL_MSRS | HV_SYNIC | HV_SYNTHETIC_TIMERS | HV_REFERENCE_COUNTER | HV_APIC_MSRS
    mov ebx, HV_POST_MESSAGES | HV_SIGNAL_EVENTS
    call hyperv_require
    mov eax, HV_CPUID_FEATURES
    cpuid
    test edx, HV_DIRECT_TIMERS
    jz no_direct
    call hypercall_init
    READ_MSR HV_MSR_SVERSION
    cmp eax, 1
    jne wrong_version
    READ_MSR HV_MSR_SINT0 + TIMER_SINT
    cmp eax, SINT_MASKED                ; after reset
    jne wrong_version
    call synic_init

    ; A message when the time has come: timer 0, once, a millisecond from now.
    mov ecx, TIMER_SINT
    mov eax, TIMER_VECTOR
    call sint_set
    mov eax, TIMER_AUTO_ENABLE | TIMER_TO_SINT * TIMER_SINT
    WRITE_MSR HV_MSR_STIMER0_CONFIG
    call in_a_millisecond
    WRITE_MSR HV_MSR_STIMER0_COUNT
    mov ecx, TIMER_SINT
    call message_wait
    xor eax, eax
    mov rdx, r12
    call check_message
    INTERRUPTS TIMER_VECTOR
    cmp eax, 1
    jne wrong_count
    READ_MSR HV_MSR_STIMER0_CONFIG
    test eax, TIMER_ENABLED             ; a timer that goes off once is off then
    jnz wrong_message
    PRINT "timer message: ok\r\n"

    ; The slot still holds that message when timer 1 goes off: the new one waits and says so. It
    ; comes when the slot is freed and the end of the message is told.
    mov eax, TIMER_AUTO_ENABLE | TIMER_TO_SINT * TIMER_SINT
    WRITE_MSR HV_MSR_STIMER0_CONFIG + 2
    call in_a_millisecond
    WRITE_MSR HV_MSR_STIMER0_COUNT + 2
    mov r13, r12
    call sleep_beyond
    mov esi, SIMP + TIMER_SINT * MESSAGE_SLOT
    test byte ptr [rsi + M_FLAGS], M_PENDING
    jz wrong_message
    cmp dword ptr [rsi + T_INDEX], 0
    jne wrong_message
    INTERRUPTS TIMER_VECTOR
    cmp eax, 1
    jne wrong_count
    call message_done
    mov ecx, TIMER_SINT
    call message_wait
    mov eax, 1
    mov rdx, r13
    call check_message
    INTERRUPTS TIMER_VECTOR
    cmp eax, 2
    jne wrong_count
    call message_done
    PRINT "pending message: ok\r\n"

    ; Ten periods, with a source that needs no end of interrupt.
    mov ecx, AUTO_SINT
    mov eax, AUTO_EOI_VECTOR | SINT_AUTO_EOI
    call sint_set
    call reference_time
    mov r12, rax
    mov eax, MILLISECOND
    WRITE_MSR HV_MSR_STIMER0_COUNT
    mov eax, TIMER_ENABLED | TIMER_PERIODIC | TIMER_TO_SINT * AUTO_SINT
    WRITE_MSR HV_MSR_STIMER0_CONFIG
    mov ebx, TICKS
tick:
    mov ecx, AUTO_SINT
    call message_wait
    call message_done
    dec ebx
    jnz tick
    xor eax, eax
    WRITE_MSR HV_MSR_STIMER0_COUNT      ; stops it
    call check_period
    INTERRUPTS AUTO_EOI_VECTOR
    cmp eax, TICKS
    jne wrong_count
    PRINT "periodic messages: ok\r\n"

    ; The same without messages.
    call reference_time
    mov r12, rax
    mov eax, MILLISECOND
    WRITE_MSR HV_MSR_STIMER0_COUNT
    mov eax, TIMER_ENABLED | TIMER_PERIODIC | TIMER_DIRECT | DIRECT_VECTOR << 4
    WRITE_MSR HV_MSR_STIMER0_CONFIG
direct_tick:
    cli
    INTERRUPTS DIRECT_VECTOR
    cmp eax, TICKS
    jae direct_done
    call idle
    jmp direct_tick
direct_done:
    sti
    xor eax, eax
    WRITE_MSR HV_MSR_STIMER0_COUNT
    call check_period
    PRINT "direct timer: ok\r\n"

    ; An event flag: the heartbeat device has something to say as soon as its channel is open, so it
    ; sets the flag that has the channel's number. A flag that is set already makes no interrupt.
    mov eax, VMBUS_VECTOR
    call vmbus_connect
    call vmbus_request_offers
    mov esi, offset class_heartbeat
    call vmbus_find
    jc no_heartbeat
    call vmbus_open
    mov eax, [channel]
event_wait:
    cli
    bt dword ptr [SIEFP + VMBUS_SINT * 256], eax
    jc event
    call idle
    jmp event_wait
event:
    sti
    PRINT "event flag: ok\r\n"
    call vmbus_unload
    EXIT 0

; RAX = reference time. Changes RCX, RDX.
reference_time:
    READ_MSR HV_MSR_TIME_REF_COUNT
    ret

; RAX, R12 = a millisecond from now. Changes RCX, RDX.
in_a_millisecond:
    call reference_time
    add rax, MILLISECOND
    mov r12, rax
    ret

; Sleep until it is later than R12, with a direct timer's help.
sleep_beyond:
    mov eax, TIMER_AUTO_ENABLE | TIMER_DIRECT | 0x27 << 4
    WRITE_MSR HV_MSR_STIMER0_CONFIG
    lea rax, [r12 + 1]
    WRITE_MSR HV_MSR_STIMER0_COUNT
.sleep:
    cli
    call reference_time
    cmp rax, r12
    ja .later
    call idle
    jmp .sleep
.later:
    sti
    ret

; TICKS periods since R12: no fewer and no more.
check_period:
    call reference_time
    sub rax, r12
    cmp rax, TICKS * MILLISECOND
    jb wrong_time
    cmp rax, (TICKS + 1) * MILLISECOND
    jae wrong_time
    ret

; The message at RSI must be timer EAX's, due at RDX and not sent before.
check_message:
    cmp dword ptr [rsi + M_TYPE], MESSAGE_TIMER
    jne wrong_message
    cmp byte ptr [rsi + M_SIZE], 24
    jne wrong_message
    cmp [rsi + T_INDEX], eax
    jne wrong_message
    cmp [rsi + T_EXPIRATION], rdx
    jne wrong_time
    cmp [rsi + T_DELIVERY], rdx
    jb wrong_time
    ret

wrong_version:
    FAIL 2, "the interrupt controller is not as after reset"
wrong_message:
    FAIL 3, "not the right message"
wrong_count:
    PRINT "interrupts: "
    call print_decimal
    EXIT 4
wrong_time:
    FAIL 5, "not at the right time"
no_direct:
    FAIL 6, "timers cannot interrupt directly"
no_heartbeat:
    FAIL 7, "there is no heartbeat device"

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
