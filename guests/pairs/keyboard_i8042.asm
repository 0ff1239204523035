; 64 keys by the 8042 and IRQ 1.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "fold.inc"
.include "keyboard.inc"
.include "keyboard_i8042.inc"
.include "i8042.inc"
.include "pic64.inc"
.include "idt64.inc"
.include "report64.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
