; Reading the time from the 8254. The work is read_time.inc's, the driver read_time_i8254.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "read_time.inc"
.include "read_time_i8254.inc"
IMAGE_END
