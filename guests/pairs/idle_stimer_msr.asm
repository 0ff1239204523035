; Ten idle seconds without a tick, asleep by the idle MSR. The work is idle.inc's, the driver idle_stimer.inc's with
; idle_msr.inc's way to sleep.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "idle.inc"
.include "idle_stimer.inc"
.include "idle_msr.inc"
IMAGE_END
