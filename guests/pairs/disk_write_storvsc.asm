; disk-write over the VMBus's SCSI controller, QUEUE_DEPTH requests at a time. See disk_write.inc and disk_storvsc.inc.

.include "boot.inc"
.include "long.inc"
.include "hyperv.inc"
.include "pair.inc"
.include "disk_write.inc"

    DISK_WORKLOAD

.include "disk_storvsc.inc"
.include "print64.inc"
PAIR_DATA
GDT64
IMAGE_END
