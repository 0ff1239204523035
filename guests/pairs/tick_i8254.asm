; 1,000 ticks of the 8254, ended at the 8259A.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "fold.inc"
.include "tick.inc"
.include "tick_i8254.inc"
.include "pic64.inc"
.include "idt64.inc"
.include "report64.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
