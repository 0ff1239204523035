; disk-write over IDE: the PIIX3's bus master, by interrupts. See disk_write.inc and disk_dma.inc.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "disk_write.inc"

    DISK_WORKLOAD

.include "disk_dma.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
