; Flushing translations by loading CR3. The work is tlb_flush.inc's, the driver
; tlb_flush_cr3.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "tlb_flush.inc"
.include "tlb_flush_cr3.inc"
IMAGE_END
