; Ending interrupts at the local APIC's register page. The work is end_of_interrupt.inc's, the driver
; end_of_interrupt_apic_mmio.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "end_of_interrupt.inc"
.include "end_of_interrupt_com2.inc"
.include "end_of_interrupt_io_apic.inc"
.include "end_of_interrupt_apic_mmio.inc"
IMAGE_END
