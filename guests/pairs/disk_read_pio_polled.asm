; disk-read over IDE: programmed input and output, polled. See disk_read.inc and disk_pio_polled.inc.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "disk_read.inc"

    DISK_WORKLOAD

.include "disk_pio_polled.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
