; Reading the time from the reference TSC page. The work is read_time.inc's, the driver read_time_tsc_page.inc's.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "read_time.inc"
.include "read_time_tsc_page.inc"
IMAGE_END
