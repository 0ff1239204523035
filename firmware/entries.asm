; The fixed addresses of a PC's ROM that programs know, up to its last byte.
; Source: IBM PC AT Technical Reference: the BIOS listing's entry points.

    .org 0xE05B
    jmp post

    .org 0xE6F5
configuration_table:                    ; INT 15h/C0h
    .word 8
    .byte 0xFC, 0x01, 0x00              ; AT, submodel, revision
    .byte 0x74                          ; second 8259, clock, INT 15h/4Fh, extended data area
    .byte 0x40                          ; INT 16h/09h
    .byte 0, 0, 0

    .org 0xEFC7
floppy_parameters:                      ; INT 1Eh, for 1.44 MB
    .byte 0xDF, 0x02, 0x25, 0x02, 18, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08

    .org 0xF065
    jmp int10

    .org 0xFF53
interrupt_return:
    iret
print_screen:                           ; INT 05h: there is no printer
    iret

    .org 0xFFF0
reset_vector:
    ljmp BIOS_SEGMENT:0xE05B
    .ascii "01/01/25"
    .byte 0x00
    .byte 0xFC                          ; model: AT
    .byte CHECKSUM
