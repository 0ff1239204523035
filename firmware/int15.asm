; INT 15h: system services. The dispatcher and the small ones; memory.asm, wait.asm and mouse.asm have
; the rest.
; Sources: IBM BIOS Interface Technical Reference, INT 15h; the hooks 4Fh, 80h-82h, 85h, 90h, 91h answer
; as their defaults do.
; Left out: cassette, joystick (84h), 89h (a switch to protected mode), APM, MCA.

int15:
    ENTER_SERVICE
    mov di, int15_table
int15_find:
    cmp ah, cs:[di]
    je int15_found
    add di, 3
    cmp di, int15_table_end
    jb int15_find
    call int15_unknown
    LEAVE_SERVICE
int15_found:
    call word ptr cs:[di + 1]
    LEAVE_SERVICE

.macro SERVICE number, handler
    .byte \number
    .word \handler
.endm
int15_table:
    SERVICE 0x4F, int15_key_intercept
    SERVICE 0x91, int15_ok              ; device post
    SERVICE 0x90, int15_ok              ; device busy: the caller polls
    SERVICE 0x24, int15_a20
    SERVICE 0x52, int15_ok              ; removable media eject: allowed
    SERVICE 0x80, int15_ok              ; device open
    SERVICE 0x81, int15_ok              ; device close
    SERVICE 0x82, int15_ok              ; program end
    SERVICE 0x83, int15_event_wait
    SERVICE 0x85, int15_ok              ; SysReq key
    SERVICE 0x86, int15_wait
    SERVICE 0x87, int15_block_move
    SERVICE 0x88, int15_extended_memory
    SERVICE 0xC0, int15_configuration
    SERVICE 0xC1, int15_ebda
    SERVICE 0xC2, int15_mouse
    SERVICE 0xE8, int15_memory_map
int15_table_end:

int15_ok:
    mov byte ptr [bp + R_AH], 0
    RETURN_NO_CARRY
    ret

int15_unknown:
    mov byte ptr [bp + R_AH], 0x86
    RETURN_CARRY
    ret

; 4Fh: every scan code passes here (IRQ 1 calls with carry set); unhooked, it goes on unchanged
int15_key_intercept:
    RETURN_CARRY
    ret

; 24h: AL = 0 A20 off, 1 on, 2 -> AL = state, 3 -> BX = ways to switch it
int15_a20:
    cmp al, 3
    ja int15_unknown
    je int15_a20_ways
    mov ah, al
    in al, PORT_92
    cmp ah, 2
    je int15_a20_state
    shl ah, 1                           ; PORT_92_A20
    and al, 0xFF - PORT_92_A20 - PORT_92_RESET
    or al, ah
    out PORT_92, al
    jmp int15_ok
int15_a20_state:
    shr al, 1
    and al, 1
    mov [bp + R_AL], al
    jmp int15_ok
int15_a20_ways:
    mov word ptr [bp + R_BX], 3         ; keyboard controller and port 92h
    jmp int15_ok

; C0h -> ES:BX = the table of what this machine is
int15_configuration:
    mov [bp + R_ES], cs
    mov word ptr [bp + R_BX], configuration_table
    jmp int15_ok

; C1h -> ES = segment of the extended BIOS data area
int15_ebda:
    mov ax, [BDA_EBDA]
    mov [bp + R_ES], ax
    jmp int15_ok
