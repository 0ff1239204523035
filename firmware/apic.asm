; The local APIC, where there is one: it starts with everything masked and would keep the 8259s'
; interrupts from the processor. Virtual wire mode lets them and NMI through.
; Sources: Intel MultiProcessor Specification 1.4, 3.6.2.2; Intel SDM vol. 3, 11.4 and 11.5.1.

.equ MSR_APIC_BASE,     0x1B
.equ APIC_BASE_ENABLED, 0x0800
.equ CPUID_APIC,        0x0200
.equ EFLAGS_ID,         0x00200000

apic_init:
    pushfd
    pop eax
    mov ebx, eax
    xor eax, EFLAGS_ID
    push eax
    popfd
    pushfd
    pop eax
    cmp eax, ebx                        ; a processor without CPUID keeps the flag as it is
    je apic_done
    mov eax, 1
    cpuid
    test dx, CPUID_APIC
    jz apic_done
    mov ecx, MSR_APIC_BASE
    rdmsr
    test ax, APIC_BASE_ENABLED
    jz apic_done
    and eax, 0xFFFFF000
    mov ebx, eax
    mov bp, apic_table
apic_next:
    movzx edi, word ptr cs:[bp]
    add edi, ebx
    movzx esi, bp
    add esi, 0xF0000 + 2
    mov ecx, 2
    call block_move                     ; one dword
    add bp, 6
    cmp bp, apic_table_end
    jb apic_next
apic_done:
    ret

.macro APIC_VALUE register, value
    .word \register
    .long \value
.endm
apic_table:
    APIC_VALUE 0x0F0, 0x0000010F        ; on; spurious interrupts at INT 0Fh
    APIC_VALUE 0x350, 0x00000700        ; LINT0: the 8259s
    APIC_VALUE 0x360, 0x00000400        ; LINT1: NMI
apic_table_end:
