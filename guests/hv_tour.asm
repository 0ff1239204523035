; Microsoft's hypervisor interface, from finding it to the first calls: CPUID leaves, the hypercall
; page, reference time by MSR and by the page that needs no exit, frequencies, our processor's index.
;
; Machine: a hypervisor with Microsoft's interface, an x86-64 processor, COM1.
; Success: calls are answered with the status that they deserve, both ways to the time agree, exit
; code 0.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"

.equ NO_SUCH_CALL,      0x3FFF
.equ NO_SUCH_CONNECTION, 0x1234
.equ ROUNDS,            1000
.equ TICKS_HZ,          10000000    ; reference time counts units of 100 ns

    ENTER_LONG_MODE
    call idt_init
    mov eax, HV_HYPERCALL_MSRS | HV_VP_INDEX | HV_REFERENCE_COUNTER | HV_REFERENCE_TSC | HV_FREQUENCY_MSRS
    mov ebx, HV_POST_MESSAGES | HV_SIGNAL_EVENTS
    call hyperv_require

    ; Who is it?
    PRINT "vendor: "
    mov eax, HV_CPUID_VENDOR
    cpuid
    mov [vendor], ebx
    mov [vendor + 4], ecx
    mov [vendor + 8], edx
    mov esi, offset vendor
    mov ecx, 12
    call print_text
    PRINT "\r\nversion: "
    mov eax, HV_CPUID_VERSION
    cpuid
    mov r8d, eax
    mov eax, ebx
    shr eax, 16
    call print_decimal
    mov al, '.'
    call putc
    movzx eax, bx
    call print_decimal
    PRINT " build "
    mov eax, r8d
    call print_decimal
    PRINT "\r\nprivileges: "
    mov eax, HV_CPUID_FEATURES
    cpuid
    xchg eax, ebx
    call print_dword
    mov al, ' '
    call putc
    mov eax, ebx
    call print_dword
    PRINT "\r\nhints: "
    mov eax, HV_CPUID_HINTS
    cpuid
    call print_dword
    PRINT "\r\nprocessors at most: "
    mov eax, HV_CPUID_LIMITS
    cpuid
    mov r8d, eax
    call print_decimal
    PRINT "\r\n"

    ; Our processor is one of these.
    READ_MSR HV_MSR_VP_INDEX
    cmp rax, r8
    jae wrong_index
    PRINT "we run on processor "
    call print_decimal
    PRINT "\r\n"

    ; There is no hypercall page for a guest that has not said who it is.
    mov eax, HYPERCALL_PAGE | HV_ENABLE
    WRITE_MSR HV_MSR_HYPERCALL
    READ_MSR HV_MSR_HYPERCALL
    test eax, HV_ENABLE
    jnz enabled_too_early
    call hypercall_init

    ; A call that does not exist, one with its input in registers, one with its input in memory.
    mov ecx, NO_SUCH_CALL
    xor edx, edx
    xor r8d, r8d
    call hypercall
    cmp eax, HV_INVALID_CODE
    jne wrong_status
    mov ecx, HVCALL_SIGNAL_EVENT | HVCALL_FAST
    mov edx, NO_SUCH_CONNECTION
    call hypercall
    cmp eax, HV_INVALID_CONNECTION
    jne wrong_status
    mov ecx, HVCALL_POST_MESSAGE
    mov edx, CALL_INPUT + 4                 ; not a multiple of 8
    call hypercall
    cmp eax, HV_INVALID_ALIGNMENT
    jne wrong_status
    PRINT "hypercalls: ok\r\n"

    ; Time by the page must lie between two readings of the counter, and the other way round.
    READ_MSR HV_MSR_REFERENCE_TSC
    and eax, HV_PAGE_BITS
    or eax, REFERENCE_TSC_PAGE | HV_ENABLE
    WRITE_MSR HV_MSR_REFERENCE_TSC
    READ_MSR HV_MSR_TIME_REF_COUNT
    mov r12, rax                            ; the start, in ticks and in TSC counts
    call read_tsc
    mov r13, rax
    mov r14, r12                            ; the last reading
    mov ebx, ROUNDS
compare:
    call page_time
    cmp rax, r14
    jb time_goes_back
    mov r14, rax
    READ_MSR HV_MSR_TIME_REF_COUNT
    cmp rax, r14
    jb time_goes_back
    mov r14, rax
    dec ebx
    jnz compare
    PRINT "reference time: ok\r\n"

    ; The TSC must have run as fast as the hypervisor says, to one part in a hundred.
    READ_MSR HV_MSR_TSC_FREQUENCY
    mov rbx, rax
    PRINT "TSC: "
    call print_decimal
    PRINT " Hz\r\nAPIC timer: "
    READ_MSR HV_MSR_APIC_FREQUENCY
    call print_decimal
    PRINT " Hz\r\n"
    READ_MSR HV_MSR_TIME_REF_COUNT
    sub rax, r12
    mov r12, rax                            ; ticks
    call read_tsc
    sub rax, r13
    mov ecx, TICKS_HZ
    mul rcx
    div r12                                 ; counts a second
    sub rax, rbx
    jns faster
    neg rax
faster:
    imul rax, rax, 100
    cmp rax, rbx
    ja wrong_frequency
    PRINT "frequency: ok\r\n"
    EXIT 0

; RAX = reference time by the page: TSC * scale / 2^64 + offset, unless the page changed meanwhile.
; Changes RDX, R8.
page_time:
    mov r8d, [REFERENCE_TSC_PAGE]
    test r8d, r8d
    jz no_page
    call read_tsc
    mul qword ptr [REFERENCE_TSC_PAGE + 8]
    mov rax, rdx
    add rax, [REFERENCE_TSC_PAGE + 16]
    cmp r8d, [REFERENCE_TSC_PAGE]
    jne page_time
    ret

; RAX = time-stamp counter, not before what stands before the call is done. Changes RDX.
read_tsc:
    lfence
    rdtsc
    shl rdx, 32
    or rax, rdx
    ret

.equ interrupt, unexpected_interrupt

wrong_index:
    FAIL 2, "there is no processor of this index"
enabled_too_early:
    FAIL 3, "a hypercall page for nobody"
wrong_status:
    PRINT "wrong status: "
    call print_dword
    EXIT 4
no_page:
    FAIL 5, "the reference TSC page is not valid"
time_goes_back:
    FAIL 6, "reference time goes back"
wrong_frequency:
    FAIL 7, "the TSC runs at another speed"

vendor:
    .fill 12

.include "hypercall.inc"
.include "report64.inc"
.include "idt64.inc"
.include "print64.inc"
GDT64
IMAGE_END
