; 64 reports by the 8042 and IRQ 12.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "fold.inc"
.include "mouse.inc"
.include "mouse_i8042.inc"
.include "i8042.inc"
.include "pic64.inc"
.include "idt64.inc"
.include "report64.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
