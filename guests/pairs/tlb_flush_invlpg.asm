; Flushing translations by INVLPG. The work is tlb_flush.inc's, the driver
; tlb_flush_invlpg.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "tlb_flush.inc"
.include "tlb_flush_invlpg.inc"
IMAGE_END
