; Interrupts that end by themselves. The work is end_of_interrupt.inc's, the driver
; end_of_interrupt_auto_eoi.inc's.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "end_of_interrupt.inc"
.include "end_of_interrupt_auto_eoi.inc"
IMAGE_END
