; A driver for the synthetic keyboard: agrees on the protocol, gets key events, echoes what is typed
; until Enter.
;
; Machine: a hypervisor with Microsoft's interface and a synthetic keyboard, COM1.
; Input: type a line after "ready". Success: the line comes back, exit code 0.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

; Messages: u32 type, then
.equ KEY_REQUEST,       1           ; to the host: u32 version
.equ KEY_RESPONSE,      2           ; from the host: u32, 1 if that is fine
.equ KEY_EVENT,         3           ; u16 make code, u16 0, u32 how to read it
.equ KEY_VERSION,       0x10000     ; 1.0

.equ INFO_BREAK,        0x02        ; the key comes up
.equ INFO_E0,           0x04        ; one of the keys with a prefix

.equ ENTER,             0x1C
.equ LEFT_SHIFT,        0x2A
.equ RIGHT_SHIFT,       0x36

    ENTER_LONG_MODE
    call idt_init
    mov esi, offset class_keyboard
    mov eax, VMBUS_VECTOR
    call device_open
    mov esi, offset request
    mov ecx, request_end - request
    call ring_send
    jc failed
    call key_message
    cmp eax, KEY_RESPONSE
    jne failed
    test dword ptr [rsi + 4], 1
    jz failed
    PRINT "ready\r\nyou typed: "

    xor r12d, r12d                  ; what shifting means now
next_event:
    call key_message
    cmp eax, KEY_EVENT
    jne next_event
    movzx eax, word ptr [rsi + 4]
    mov edx, [rsi + 8]
    test edx, INFO_E0
    jnz next_event
    cmp eax, LEFT_SHIFT
    je shift
    cmp eax, RIGHT_SHIFT
    je shift
    test edx, INFO_BREAK
    jnz next_event
    cmp eax, ENTER
    je done
    cmp eax, plain_end - plain
    jae next_event
    mov esi, offset plain
    test r12d, r12d
    jz look_up
    mov esi, offset shifted
look_up:
    mov al, [rsi + rax]
    test al, al
    jz next_event
    call putc
    jmp next_event

shift:
    not edx
    and edx, INFO_BREAK             ; not 0 while it is down
    mov r12d, edx
    jmp next_event

done:
    PRINT "\r\nkeyboard: ok\r\n"
    call vmbus_close
    call vmbus_unload
    EXIT 0

; Wait for a message: it is at RSI, EAX = its type. Changes RCX, RDX, RDI, R8 to R11.
key_message:
    call channel_wait
    cmp word ptr [PACKET + P_TYPE], PACKET_INBAND
    jne key_message                 ; a completion
    mov eax, [rsi]
    ret

failed:
    FAIL 2, "the keyboard does not speak our protocol"

    .align 8, 0
request:
    .word PACKET_INBAND, P_HEADER / 8, (request_end - request) / 8, WANTS_COMPLETION
    .quad 1
    .long KEY_REQUEST, KEY_VERSION
request_end:

.include "scancodes.inc"
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
