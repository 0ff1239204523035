; Flushing translations by the hypercall for an address space. The work is tlb_flush.inc's, the driver
; tlb_flush_space.inc's.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "tlb_flush.inc"
.include "tlb_flush_call.inc"
.include "tlb_flush_space.inc"
IMAGE_END
