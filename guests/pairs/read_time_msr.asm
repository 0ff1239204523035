; Reading the time from the reference counter's MSR. The work is read_time.inc's, the driver read_time_msr.inc's.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "read_time.inc"
.include "read_time_msr.inc"
IMAGE_END
