"""Three guests as a kernel's author has them: an ELF kernel for Multiboot, a boot sector, a flat image.

Headers by the System V ABI (ELF-32 header and program header) and the Multiboot Specification 0.6.96,
section 3.1.
"""

from tests.testing.projects import saying

_SEND = """\
send:
    lodsb
    test al, al
    jz .done
    mov dx, 0x3f8
    out dx, al
    jmp send
.done:
    ret
"""

KERNEL = f"""\
org 0x100000
bits 32
header:
    db 0x7f, "ELF", 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    dw 2, 3                     ; an executable, for the 80386
    dd 1, start, 52, 0, 0       ; version, entry, where the program headers are
    dw 52, 32, 1, 0, 0, 0
    dd 1, 0, 0x100000, 0x100000, end - header, end - header, 7, 4096
    dd 0x1badb002, 0, 0xe4524ffe
start:
    mov esp, 0x90000
    cmp eax, 0x2badb002         ; who loads by Multiboot says so
    setne bl
    mov esi, up
    call send
    mov al, bl
    out 0xf4, al
{_SEND}
up: db "kernel: up", 13, 10, "answer: 42", 13, 10, 0
end:
"""

BOOT = saying("1..2", "ok 1 - memory", "ok 2 - timer")
"""A boot sector with two tests of its own."""

FLAT = f"""\
org 0x200000
bits 32
start:
    mov esp, 0x90000
    mov esi, ready
    call send
wait:
    mov dx, 0x3fd               ; line status: something came
    in al, dx
    test al, 1
    jz wait
    mov dx, 0x3f8
    in al, dx
    mov [letter], al
    mov esi, said
    call send
    mov al, 0
    out 0xf4, al
{_SEND}
ready: db "ready> ", 0
said: db "you said "
letter: db 0, 13, 10, 0
"""
"""Asks for a letter on COM1."""
