"""Disk requests over storvsc and over IDE PIO, side by side: time a request, MB/s.

Both guests poll, so what is measured is the path. Start-up is taken out as in ``tests.bench.disk``.
"""

from functools import cache
from pathlib import Path

from hv.asm import assemble_file
from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load_bytes
from hv.root.disk import MemoryDisk
from hv.root.images import whole_sectors
from hv.root.machine import Machine
from hv.root.resources import source_folder
from tests.bench.disk import READ, ide_seconds
from tests.bench.measure import Contender, compare

MEMORY = 64 << 20
SECTOR = 512
IDE_SECTORS = 128
SOURCE = Path(__file__).with_name("storvsc.asm")


@cache
def _image(sectors: int, rounds: int, writing: bool) -> bytes:
    defines = {"COUNT": sectors, "ROUNDS": rounds, "WRITING": int(writing)}
    folder = source_folder("guests")
    return whole_sectors(assemble_file(SOURCE, include_dirs=[folder], defines=defines).code)


def _storvsc(sectors: int, rounds: int, writing: bool) -> float:
    image = load_bytes(_image(sectors, rounds, writing), LoadOptions(memory=MEMORY), name="storvsc")
    disk = MemoryDisk(1 << 20)
    machine = Machine(MachineConfig(memory=MEMORY), image, scsi_media=(disk,))
    start = host_seconds()
    machine.run()
    return host_seconds() - start


def _against_ide(sectors: int, rounds: int, *, writing: bool) -> None:
    work = sectors * SECTOR * rounds / 1e6
    ide_rounds = max(1, sectors * rounds // IDE_SECTORS)
    size, verb = sectors * SECTOR // 1024, "write" if writing else "read"

    def storvsc() -> float:
        return max(_storvsc(sectors, rounds, writing) - _storvsc(sectors, 0, writing), 1e-9)

    seconds = []

    def timed() -> float:
        seconds.append(storvsc())
        return seconds[-1]

    compare(
        f"storvsc {verb}, {size} KiB a request, against IDE PIO read of as many bytes",
        Contender("storvsc", timed),
        Contender("IDE PIO, 64 KiB a command", lambda: ide_seconds(READ, ide_rounds)),
        "none; for the comparison",
        work,
        "MB/s",
    )
    print(f"  storvsc, best time a request       {min(seconds) / rounds * 1e6:9.1f} us")


def requests() -> None:
    for sectors, rounds in ((8, 2000), (512, 60)):
        for writing in (False, True):
            _against_ide(sectors, rounds, writing=writing)
