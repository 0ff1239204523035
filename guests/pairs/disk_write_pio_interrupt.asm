; disk-write over IDE: programmed input and output, by interrupts. See disk_write.inc and disk_pio_interrupt.inc.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "disk_write.inc"

    DISK_WORKLOAD

.include "disk_pio_interrupt.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
