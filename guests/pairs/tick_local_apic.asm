; 1,000 ticks of the local APIC's timer, ended at its page.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "fold.inc"
.include "tick.inc"
.include "tick_local_apic.inc"
.include "hypercall.inc"
.include "idt64.inc"
.include "report64.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
