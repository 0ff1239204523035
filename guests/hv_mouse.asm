; A driver for the synthetic mouse, a HID device over the VMBus: agrees on the protocol, is told what
; the device is, prints where the pointer is until a click.
;
; Machine: a hypervisor with Microsoft's interface and a synthetic mouse, COM1.
; Input: move the mouse, then press its left button, after "ready". Success: the click arrives, exit
; code 0.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

; A message is in a pipe (u32 1, u32 bytes), then: u32 type, u32 bytes of what follows.
.equ PIPE_DATA,         1
.equ H_PIPE_BYTES,      4
.equ H_TYPE,            8
.equ H_BYTES,           12
.equ H_BODY,            16

.equ HID_REQUEST,       0           ; to the host: u32 version
.equ HID_RESPONSE,      1           ; from the host: u32 version, u8 1 if that is fine
.equ HID_DEVICE_INFO,   2           ; attributes, HID descriptor, report descriptor
.equ HID_DEVICE_INFO_ACK, 3         ; to the host: u8 0
.equ HID_INPUT_REPORT,  4           ; as the report descriptor says
.equ HID_VERSION,       0x20000     ; 2.0

; Device info.
.equ D_VENDOR,          H_BODY + 4
.equ D_PRODUCT,         H_BODY + 6
.equ D_HID_DESCRIPTOR,  H_BODY + 32
.equ D_REPORT_BYTES,    D_HID_DESCRIPTOR + 7

; An input report as this device's descriptor has it: buttons, then places from 0 to 7FFFh.
.equ I_BUTTONS,         H_BODY
.equ I_X,               H_BODY + 1
.equ I_Y,               H_BODY + 3
.equ LEFT_BUTTON,       1

    ENTER_LONG_MODE
    call idt_init
    mov esi, offset class_mouse
    mov eax, VMBUS_VECTOR
    call device_open
    mov esi, offset request
    mov ecx, request_end - request
    call ring_send
    jc failed
    call hid_message
    cmp eax, HID_RESPONSE
    jne failed
    cmp byte ptr [rsi + H_BODY + 4], 1
    jne failed

    ; Who is it?
    call hid_message
    cmp eax, HID_DEVICE_INFO
    jne failed
    PRINT "mouse "
    mov ax, [rsi + D_VENDOR]
    call print_word
    mov al, ':'
    call putc
    mov ax, [rsi + D_PRODUCT]
    call print_word
    PRINT ", report descriptor of "
    movzx eax, word ptr [rsi + D_REPORT_BYTES]
    call print_decimal
    PRINT " bytes\r\n"
    movzx ecx, byte ptr [rsi + D_HID_DESCRIPTOR]
    lea eax, [rax + rcx + 32]
    cmp eax, [rsi + H_BYTES]
    ja failed                       ; these must all be there
    mov esi, offset acknowledge
    mov ecx, acknowledge_end - acknowledge
    call ring_send
    jc failed
    PRINT "ready\r\n"

next_report:
    call hid_message
    cmp eax, HID_INPUT_REPORT
    jne next_report
    PRINT "buttons "
    mov al, [rsi + I_BUTTONS]
    call print_byte
    PRINT " x "
    mov ax, [rsi + I_X]
    call print_word
    PRINT " y "
    mov ax, [rsi + I_Y]
    call print_word
    PRINT "\r\n"
    test byte ptr [rsi + I_BUTTONS], LEFT_BUTTON
    jz next_report
    PRINT "mouse: clicked\r\n"
    call vmbus_close
    call vmbus_unload
    EXIT 0

; Wait for a message: it is at RSI, EAX = its type. Changes RCX, RDX, RDI, R8 to R11.
hid_message:
    call channel_wait
    cmp word ptr [PACKET + P_TYPE], PACKET_INBAND
    jne hid_message                 ; a completion
    cmp dword ptr [rsi], PIPE_DATA
    jne hid_message
    mov eax, [rsi + H_TYPE]
    ret

failed:
    FAIL 2, "the mouse does not speak our protocol"

    .align 8, 0
request:
    .word PACKET_INBAND, P_HEADER / 8, (request_end - request) / 8, WANTS_COMPLETION
    .quad 1
    .long PIPE_DATA, 12, HID_REQUEST, 4, HID_VERSION
    .align 8, 0
request_end:

acknowledge:
    .word PACKET_INBAND, P_HEADER / 8, (acknowledge_end - acknowledge) / 8, WANTS_COMPLETION
    .quad 2
    .long PIPE_DATA, 9, HID_DEVICE_INFO_ACK, 1, 0
    .align 8, 0
acknowledge_end:

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
