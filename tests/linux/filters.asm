; A Linux program: gives four UDP sockets at a time a socket filter of their own, sends each a datagram over the
; loopback interface, and closes them; ROUNDS times. A filter ends with "keep so many bytes", so that the length
; received tells whether it ran. The exit status is how many lengths were wrong, 255 at most.
;
; The kernel translates filters into machine code, in memory that it executes at one address and writes at another,
; and that closing gives back for the next filters.

.equ SYS_CLOSE, 3
.equ SYS_NANOSLEEP, 35
.equ SYS_SOCKET, 41
.equ SYS_SENDTO, 44
.equ SYS_RECVFROM, 45
.equ SYS_BIND, 49
.equ SYS_SETSOCKOPT, 54
.equ SYS_EXIT, 60
.equ AF_INET, 2
.equ SOCK_DGRAM, 2
.equ SOL_SOCKET, 1
.equ SO_RCVTIMEO, 20
.equ SO_ATTACH_FILTER, 26
.equ BPF_LD_IMM, 0
.equ BPF_RET_K, 6
.equ PORT, 4321
.equ SOCKETS, 4
.equ PADDING, 40                ; instructions before the last one, fewer than this
.equ UDP_HEADER, 8
.equ SHORTEST, 10
.equ LENGTHS, 900
.equ DATAGRAM, 1000

    .macro SYSTEM number
    mov eax, \number
    syscall
    .endm

    .code64
    xor r12d, r12d              ; round
    xor r14d, r14d              ; wrong lengths
round:
    xor r13d, r13d              ; socket
open:
    mov edi, AF_INET
    mov esi, SOCK_DGRAM
    xor edx, edx
    SYSTEM SYS_SOCKET
    mov [sockets + r13*4], eax
    call set_port
    mov edi, [sockets + r13*4]
    mov esi, offset address
    mov edx, 16
    SYSTEM SYS_BIND
    call write_filter
    mov edi, [sockets + r13*4]
    mov esi, SOL_SOCKET
    mov edx, SO_ATTACH_FILTER
    mov r10d, offset program
    mov r8d, 16
    SYSTEM SYS_SETSOCKOPT
    test eax, eax
    jnz refused
    mov edi, [sockets + r13*4]
    mov esi, SOL_SOCKET
    mov edx, SO_RCVTIMEO
    mov r10d, offset patience
    mov r8d, 16
    SYSTEM SYS_SETSOCKOPT
    inc r13d
    cmp r13d, SOCKETS
    jne open

    xor r13d, r13d
send:
    call set_port
    mov edi, [sockets + r13*4]
    mov esi, offset datagram
    mov edx, DATAGRAM
    xor r10d, r10d
    mov r8d, offset address
    mov r9d, 16
    SYSTEM SYS_SENDTO
    mov edi, [sockets + r13*4]
    mov esi, offset datagram
    mov edx, DATAGRAM
    xor r10d, r10d
    xor r8d, r8d
    xor r9d, r9d
    SYSTEM SYS_RECVFROM
    cmp eax, [lengths + r13*4]
    je right
    inc r14d
right:
    mov edi, [sockets + r13*4]
    SYSTEM SYS_CLOSE
    inc r13d
    cmp r13d, SOCKETS
    jne send

    mov edi, offset pause_time
    xor esi, esi
    SYSTEM SYS_NANOSLEEP
    inc r12d
    cmp r12d, ROUNDS
    jne round
    jmp done
refused:
    mov r14d, 255
done:
    mov edi, 255
    cmp r14d, edi
    cmovb edi, r14d
    SYSTEM SYS_EXIT

; The port of socket R13D, in network order.
set_port:
    lea eax, [r13 + PORT]
    xchg al, ah
    mov [address + 2], ax
    ret

; The filter of socket R13D in round R12D: loads that do nothing, and the length to keep.
write_filter:
    imul eax, r12d, 7
    lea eax, [rax + r13*2]
    add eax, r13d
    xor edx, edx
    mov ecx, PADDING
    div ecx
    mov ecx, edx
    inc edx
    mov [program], dx
    mov edi, offset filter
    jecxz keep
load:
    mov dword ptr [rdi], BPF_LD_IMM
    lea eax, [r12 + rcx]
    mov [rdi + 4], eax
    add edi, 8
    dec ecx
    jnz load
keep:
    imul eax, r12d, 13
    imul edx, r13d, 101
    add eax, edx
    xor edx, edx
    mov ecx, LENGTHS
    div ecx
    add edx, SHORTEST
    mov [lengths + r13*4], edx
    add edx, UDP_HEADER
    mov dword ptr [rdi], BPF_RET_K
    mov [rdi + 4], edx
    ret

    .align 8
program:                        ; struct sock_fprog
    .quad 0
    .quad filter
patience:                       ; struct timeval: 0.2 s
    .quad 0
    .quad 200000
pause_time:                     ; struct timespec: 1 ms
    .quad 0
    .quad 1000000
address:                        ; struct sockaddr_in: 127.0.0.1
    .word AF_INET
    .word 0
    .byte 127, 0, 0, 1
    .quad 0
sockets:
    .fill 4, 4, 0
lengths:
    .fill 4, 4, 0
filter:
    .fill 48, 8, 0
datagram:
    .fill 1000, 1, 0
