; The interrupt table and the handlers of interrupts that nobody claimed.

; Fill all 256 vectors: a plain IRET first, then the services, then the hardware's defaults.
vectors_init:
    push ds
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov eax, (BIOS_SEGMENT << 16) + interrupt_return
    xor di, di
    mov cx, 256
vectors_fill:
    mov es:[di], eax
    add di, 4
    loop vectors_fill

    mov si, vector_table
    xor bx, bx
vectors_next:
    mov bl, cs:[si]
    mov ax, cs:[si + 1]
    shl bx, 2
    mov [bx], ax                        ; the segment is there already
    xor bh, bh
    add si, 3
    cmp si, vector_table_end
    jb vectors_next

    mov di, 0x60 * 4                    ; 60h-66h belong to programs: zero marks a free one
    xor ax, ax
    mov cx, 7 * 2
    rep stosw
    pop ds
    ret

.macro VECTOR number, handler
    .byte \number
    .word \handler
.endm
vector_table:
    VECTOR 0x00, exception_divide
    VECTOR 0x05, print_screen
    VECTOR 0x06, exception_opcode
    VECTOR 0x07, exception_no_fpu
    VECTOR 0x08, irq0
    VECTOR 0x09, irq1
    VECTOR 0x0A, irq_default
    VECTOR 0x0B, irq_default
    VECTOR 0x0C, irq_default
    VECTOR 0x0D, irq_default
    VECTOR 0x0E, irq_default
    VECTOR 0x0F, irq_default
    VECTOR 0x10, int10
    VECTOR 0x11, int11
    VECTOR 0x12, int12
    VECTOR 0x13, int13
    VECTOR 0x14, int14
    VECTOR 0x15, int15
    VECTOR 0x16, int16
    VECTOR 0x17, int17
    VECTOR 0x18, int18
    VECTOR 0x19, int19
    VECTOR 0x1A, int1a
    VECTOR 0x1E, floppy_parameters      ; a table, not code
    VECTOR 0x40, int13                  ; the floppy service under the hard disk's
    VECTOR 0x70, irq8
    VECTOR 0x71, irq9
    VECTOR 0x72, irq_default
    VECTOR 0x73, irq_default
    VECTOR 0x74, irq12
    VECTOR 0x75, irq13
    VECTOR 0x76, irq_disk
    VECTOR 0x77, irq_disk
vector_table_end:

; An interrupt line without a driver. The controllers say which it was: a spurious one, or an INT n by a
; program, has no bit in service and gets no end-of-interrupt.
irq_default:
    push ax
    mov al, PIC_READ_ISR
    out PIC1_COMMAND, al
    in al, PIC1_COMMAND
    test al, al
    jz irq_default_done
    mov ah, al
    test al, 0x04                       ; the cascade: the slave knows more
    jz irq_default_master
    mov al, PIC_READ_ISR
    out PIC2_COMMAND, al
    in al, PIC2_COMMAND
    test al, al
    jz irq_default_master
    mov ah, al
    mov al, PIC_EOI
    out PIC2_COMMAND, al
irq_default_master:
    mov al, PIC_EOI
    out PIC1_COMMAND, al
    push ds
    push BDA_SEGMENT
    pop ds
    mov [BDA_LAST_IRQ], ah
    pop ds
irq_default_done:
    pop ax
    iret

; IRQ 2 became IRQ 9 on the AT: software that hooked INT 0Ah still gets its interrupt.
irq9:
    push ax
    mov al, PIC_EOI
    out PIC2_COMMAND, al
    pop ax
    int 0x0A
    iret

; An FPU error is reported the way the PC did, as NMI.
irq13:
    push ax
    mov al, 0
    out FPU_CLEAR_BUSY, al
    call eoi_both
    pop ax
    int 0x02
    iret

; A disk interrupt that a program let through: INT 13h itself polls.
irq_disk:
    push ax
    push ds
    push BDA_SEGMENT
    pop ds
    mov byte ptr [BDA_DISK_IRQ], 0xFF
    call eoi_both
    pop ds
    pop ax
    iret

; End of an interrupt of the slave. Changes AL.
eoi_both:
    mov al, PIC_EOI
    out PIC2_COMMAND, al
    out PIC1_COMMAND, al
    ret

; A fault returns to the instruction that caused it, so IRET would spin for ever. Say what happened and
; stop with interrupts off.
exception_divide:
    mov al, 0x00
    jmp exception_stop
exception_opcode:
    mov al, 0x06
    jmp exception_stop
exception_no_fpu:
    mov al, 0x07
exception_stop:
    cli
    cld
    out POST_PORT, al
    push BDA_SEGMENT
    pop ds
    mov bp, sp
    mov si, exception_text
    call print
    call print_hex8
    mov si, exception_at_text
    call print
    mov ax, [bp + 2]
    call print_hex16
    mov al, ':'
    call tty
    mov ax, [bp]
    call print_hex16
    mov si, exception_end_text
    call print
exception_halt:
    hlt
    jmp exception_halt

exception_text:
    .asciz "\r\nProcessor exception "
exception_at_text:
    .asciz " at "
exception_end_text:
    .asciz ", system halted\r\n"
