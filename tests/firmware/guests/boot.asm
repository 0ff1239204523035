; Shows: what a boot sector finds: registers, stack, the data area, the equipment, the vectors.
; Machine: 16 MiB, one hard disk that holds the guest.
; Success: the text in expected/.

    .include "guest.inc"

main:
    SHOW8 "drive=", [boot_drive]
    SHOW16 " ss:sp=", [boot_ss]
    SHOW16 ":", [boot_sp]
    SHOW16 " ds=", [boot_ds]
    SHOW16 " es=", [boot_es]
    mov ax, [boot_flags]
    and ax, 0x0600                      ; IF on, DF off
    SHOW16 " flags=", ax
    call line

    int 0x11
    and ax, 0xF1F9                      ; FPU, mouse and serial ports are the machine's affair
    SHOW16 "equipment=", ax
    int 0x12
    SHOW16 " base=", ax
    SHOW16 " ebda=", [0x40E]
    mov es, [0x40E]
    SHOW8 " size=", es:[0]
    call line

    SHOW16 "com=", [0x400]
    SHOW16 " lpt=", [0x408]
    SHOW8 " disks=", [0x475]
    SHOW16 " keys=", [0x41A]
    SHOW16 ",", [0x41C]
    SHOW16 ",", [0x480]
    SHOW16 ",", [0x482]
    SHOW16 " warm=", [0x472]
    call line

    SHOW8 "mode=", [0x449]
    SHOW16 " columns=", [0x44A]
    SHOW16 " page=", [0x44C]
    SHOW16 " crtc=", [0x463]
    SHOW8 " rows=", [0x484]
    SHOW16 " height=", [0x485]
    call line

; Every vector leads into the ROM, but for those that are free or tables in RAM.
    xor si, si
    xor cx, cx                          ; vectors outside the ROM
vectors:
    cmp word ptr [si + 2], 0xF000
    je vectors_next
    inc cx
    cmp dword ptr [si], 0
    je vectors_next
    mov ax, si
    shr ax, 2
    SHOW16 "vector ", ax
    call line
vectors_next:
    add si, 4
    cmp si, 0x400
    jb vectors
    SHOW16 "outside=", cx
    mov ax, [0x60 * 4 + 2]
    or ax, [0x66 * 4 + 2]
    SHOW16 " user=", ax
    call line

; Default handlers return and leave the stack alone; 05h, 1Bh, 1Ch, 4Ah and a random one.
    mov bx, sp
    int 0x05
    int 0x1B
    int 0x1C
    int 0x4A
    int 0xC8
    int 0x0D                            ; no interrupt in service: no end-of-interrupt
    int 0x73
    sub bx, sp
    SHOW16 "stack=", bx
    mov al, 0x0B
    out 0x20, al
    in al, 0x20
    SHOW8 " isr=", al
    in al, 0x21
    and al, 0x07
    SHOW8 " mask=", al
    call line

    in al, 0x92                         ; A20 is on
    and al, 2
    SHOW8 "a20=", al
    mov ah, 0xC0
    int 0x15
    SHOW8 " config=", ah
    SHOW16 " length=", es:[bx]
    SHOW16 " model=", es:[bx + 2]
    SHOW8 " features=", es:[bx + 5]
    mov ax, 0xF000
    mov es, ax
    SHOW8 " rom=", es:[0xFFFE]
    call line
    jmp finish
