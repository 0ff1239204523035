; Reading the time from the MC146818. The work is read_time.inc's, the driver read_time_rtc.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "read_time.inc"
.include "read_time_rtc.inc"
IMAGE_END
