; Ending interrupts by the EOI MSR. The work is end_of_interrupt.inc's, the driver
; end_of_interrupt_eoi_msr.inc's.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "end_of_interrupt.inc"
.include "end_of_interrupt_com2.inc"
.include "end_of_interrupt_io_apic.inc"
.include "end_of_interrupt_eoi_msr.inc"
IMAGE_END
