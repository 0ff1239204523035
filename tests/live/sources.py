"""Boot sectors for tests of live machines, as files that can be assembled."""

from pathlib import Path

HEAD = """\
org 0x7c00
bits 16
start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
"""

TAIL = """
send:                       ; the text at SI, to COM1
    lodsb
    test al, al
    jz .done
    mov dx, 0x3f8
    out dx, al
    jmp send
.done:
    ret
times 510-($-$$) db 0
dw 0xaa55
"""

PASS = "    mov al, 0\n    out 0xf4, al\n"


def boot_sector(folder: Path, body: str, name: str = "guest.asm") -> Path:
    """A source file with ``body`` between the start and ``send``."""
    path = folder / name
    path.write_text(HEAD + body + TAIL)
    return path
