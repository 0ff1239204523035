"""``python -m tests.bench [NAME ...]``: all benchmarks, or those named."""

import sys

from tests.bench import (
    accounting,
    checkpoint,
    command,
    disk,
    engine,
    hyperv,
    linux,
    linux_disk,
    storage,
)

BENCHMARKS = {
    "compute": engine.compute_loop,
    "compute-long": engine.compute_long,
    "port": engine.port_exit,
    "hello": command.hello,
    "version": command.version,
    "qemu-compute": disk.compute_loop,
    "insw": disk.string_read,
    "linux": linux.boot_to_init,
    "accounting": accounting.counting,
    "storage": storage.requests,
    "linux-dd": linux_disk.dd,
    "restore": checkpoint.restore,
    "forks": checkpoint.forks,
    "shared": checkpoint.shared,
    "hypercall": hyperv.hypercall,
    "linux-hv": hyperv.linux_enlightened,
}

for name in sys.argv[1:] or BENCHMARKS:
    BENCHMARKS[name]()
