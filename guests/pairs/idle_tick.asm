; Ten idle seconds with a tick of 100 Hz. The work is idle.inc's, the driver idle_tick.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "idle.inc"
.include "idle_tick.inc"
IMAGE_END
