; Reading the time from the ACPI PM timer. The work is read_time.inc's, the driver read_time_acpi_pm.inc's.

.include "boot.inc"
.include "long.inc"
.include "pair.inc"
.include "read_time.inc"
.include "read_time_acpi_pm.inc"
IMAGE_END
