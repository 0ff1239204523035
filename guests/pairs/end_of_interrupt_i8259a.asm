; Ending interrupts at the 8259A. The work is end_of_interrupt.inc's, the driver
; end_of_interrupt_i8259a.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "end_of_interrupt.inc"
.include "end_of_interrupt_com2.inc"
.include "end_of_interrupt_i8259a.inc"
IMAGE_END
