"""``python -m tests.bench [NAME ...]``: all benchmarks, or those named."""

import sys

from tests.bench import command, disk, engine, linux

BENCHMARKS = {
    "compute": engine.compute_loop,
    "compute-long": engine.compute_long,
    "port": engine.port_exit,
    "hello": command.hello,
    "version": command.version,
    "qemu-compute": disk.compute_loop,
    "insw": disk.string_read,
    "linux": linux.boot_to_init,
}

for name in sys.argv[1:] or BENCHMARKS:
    BENCHMARKS[name]()
