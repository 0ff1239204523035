; 1,000 ticks of a synthetic timer in direct mode.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "fold.inc"
.include "tick.inc"
.include "tick_stimer_direct.inc"
.include "stimer.inc"
.include "hypercall.inc"
.include "idt64.inc"
.include "report64.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
