; Ending interrupts by the VP assist page. The work is end_of_interrupt.inc's, the driver
; end_of_interrupt_assist_page.inc's.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "end_of_interrupt.inc"
.include "end_of_interrupt_com2.inc"
.include "end_of_interrupt_io_apic.inc"
.include "end_of_interrupt_assist_page.inc"
IMAGE_END
