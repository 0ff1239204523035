; The project's PC BIOS: one 64 KiB ROM at F0000h-FFFFFh. README.md has the memory map, the services and
; what is left out; each file below names its documents.
; Assembled at origin 0: a label's value is its offset in segment F000h.

    .code16
    .origin 0

; Makes all bytes of the ROM add up to zero modulo 256; tests/firmware says what it has to be.
.equ CHECKSUM,          0x62

    .include "ports.inc"
    .include "memory.inc"
    .include "service.inc"
    .include "disk.inc"

    .ascii "hv BIOS, GPL-2.0-or-later"
    .byte 0

    .include "post.asm"
    .include "vectors.asm"
    .include "cmos.asm"
    .include "clock.asm"
    .include "pci.asm"
    .include "wait.asm"
    .include "memory.asm"
    .include "apic.asm"
    .include "video.asm"
    .include "int10.asm"
    .include "screen.asm"
    .include "video_info.asm"
    .include "kbc.asm"
    .include "irq1.asm"
    .include "keypress.asm"
    .include "keytable.asm"
    .include "int15.asm"
    .include "int16.asm"
    .include "mouse.asm"
    .include "serial.asm"
    .include "ata.asm"
    .include "ata_io.asm"
    .include "geometry.asm"
    .include "disk.asm"
    .include "edd.asm"
    .include "floppy.asm"
    .include "boot.asm"
    .include "entries.asm"
