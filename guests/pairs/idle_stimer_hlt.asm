; Ten idle seconds without a tick, asleep by HLT. The work is idle.inc's, the driver idle_stimer.inc's with
; idle_hlt.inc's way to sleep.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "idle.inc"
.include "idle_stimer.inc"
.include "idle_hlt.inc"
IMAGE_END
