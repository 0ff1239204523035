; Writes to the disk and reads it back: WRITE SECTORS, FLUSH CACHE, READ SECTORS, then the same with
; WRITE MULTIPLE.
;
; Machine: this image as first drive of the primary IDE channel, writable; COM1.
; Success: what comes back is what went out, exit code 0.

.include "boot.inc"

.equ SECTORS,   4
.equ SIZE,      SECTORS * 512
.equ OUT_DATA,  0x1000
.equ IN_DATA,   0x3000

    mov dx, IDE_CONTROL
    mov al, NO_INTERRUPT
    out dx, al

    ; A drive may only be told its block size once it is idle; 2 sectors a block.
    mov al, SET_MULTIPLE
    mov ah, 2
    xor edx, edx
    call ide_start
    call ide_wait
    test al, IDE_ERR
    jnz failed

    ; First round: one sector for each DRQ.
    mov ax, 0x1234
    call make_data
    mov al, WRITE_SECTORS
    mov cx, 256
    call write_and_compare
    PRINT "write sectors: ok\r\n"

    ; Second round, other data: one block for each DRQ.
    mov ax, 0xFEDC
    call make_data
    mov al, WRITE_MULTIPLE
    mov cx, 512
    call write_and_compare
    PRINT "write multiple: ok\r\n"
    EXIT 0

; Fill the output buffer with numbers that repeat nowhere; AX is where they start.
make_data:
    mov di, OUT_DATA
    mov cx, SIZE / 2
.next:
    stosw
    imul ax, ax, 0x6255
    add ax, 0x3619
    loop .next
    ret

; Write with command AL and CX words for each DRQ, flush, read back, compare.
write_and_compare:
    mov [words], cx
    LBA edx, scratch
    mov ah, SECTORS
    call ide_start
    mov si, OUT_DATA
.write:
    call ide_wait_data
    jc failed
    mov cx, [words]
    call ide_write_words
    cmp si, OUT_DATA + SIZE
    jb .write
    call ide_wait
    test al, IDE_DRQ | IDE_ERR
    jnz failed

    ; Written is not yet stored: the drive may hold it until it is flushed.
    xor edx, edx
    mov ax, FLUSH_CACHE
    call ide_start
    call ide_wait
    test al, IDE_ERR
    jnz failed

    LBA edx, scratch
    mov al, READ_SECTORS
    mov ah, SECTORS
    call ide_start
    mov di, IN_DATA
.read:
    call ide_wait_data
    jc failed
    mov cx, 256
    call ide_read_words
    cmp di, IN_DATA + SIZE
    jb .read

    mov si, OUT_DATA
    mov di, IN_DATA
    mov cx, SIZE / 2
    repe cmpsw
    jne differs
    ret

failed:
    PRINT "the drive reports status "
    call print_byte
    EXIT 2
differs:
    PRINT "read differs from written at "
    lea ax, [di - IN_DATA - 2]
    call print_word
    EXIT 3

words:
    .word 0

.include "ide.inc"
.include "print16.inc"
IMAGE_END

; Room for the data, on the disk only.
scratch:
    .fill SIZE
