; 64 keys by the synthetic keyboard on the VMBus.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "fold.inc"
.include "keyboard.inc"
.include "keyboard_vsp.inc"
.include "hypercall.inc"
.include "synic.inc"
.include "synic_irq.inc"
.include "vmbus.inc"
.include "ring.inc"
.include "idt64.inc"
.include "report64.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
