"""Linux's ``dd`` on one disk: through hv_storvsc, and through pata_legacy on the emulated controller."""

import re
import statistics
import tempfile
from pathlib import Path

from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load
from hv.root.disk import MemoryDisk
from hv.root.machine import Machine, Outputs
from tests.bench.measure import REPETITIONS
from tests.linux import initramfs
from tests.linux.packages import FETCHED

MEMORY = 256
TRANSFER = 16 << 20
INIT = Path(__file__).with_name("init-dd")
_LINE = re.compile(rb"BENCH (\S+) (start|end|failed)\r?\n")


class _Watch:
    """Host time at each of the guest's lines."""

    def __init__(self) -> None:
        self.text = b""
        self.times: dict[tuple[str, str], float] = {}

    def serial(self, data: bytes) -> None:
        self.text += data
        if data.endswith(b"\n") and (line := _LINE.search(self.text)):
            self.times[line[1].decode(), line[2].decode()] = host_seconds()
            self.text = b""

    def seconds(self, name: str) -> float:
        if (name, "failed") in self.times:
            raise RuntimeError(f"dd failed: {name}")
        return self.times[name, "end"] - self.times[name, "start"]


def _boot(initrd: Path, bus: str) -> _Watch:
    options = LoadOptions(
        memory=MEMORY << 20, command_line=f"console=ttyS0 panic=-1 bus={bus}", initrd=(initrd,)
    )
    disk, watch = MemoryDisk(TRANSFER), _Watch()
    media = {"scsi_media" if bus == "scsi" else "media": (disk,)}
    image = load(FETCHED.kernel("cloud"), options)
    config = MachineConfig(memory=MEMORY << 20, hv="all" if bus == "scsi" else "none")
    machine = Machine(config, image, Outputs(serial=watch.serial), **media)
    machine.run(between=lambda: ("all", "end") not in watch.times)
    return watch


def dd() -> None:
    """Rates in MB/s and host time for a request, medians."""
    watches: dict[str, list[_Watch]] = {"scsi": [], "ide": []}
    with tempfile.TemporaryDirectory() as folder:
        initrd = Path(folder) / "initramfs.cpio"
        initrd.write_bytes(initramfs.build("cloud", init=INIT))
        for _ in range(REPETITIONS):
            for bus, boots in watches.items():
                boots.append(_boot(initrd, bus))
    print("\nLinux dd, direct, 16 MiB (target: none; for the comparison)")
    for size in (4, 256):
        for verb in ("read", "write"):
            times = {
                bus: statistics.median(watch.seconds(f"{verb}-{size}") for watch in boots)
                for bus, boots in watches.items()
            }
            for bus, name in (("scsi", "hv_storvsc"), ("ide", "pata_legacy")):
                each = times[bus] * (size << 10) / TRANSFER * 1e6
                rate = TRANSFER / times[bus] / 1e6
                print(f"  {verb:5} {size:3} KiB  {name:12} {rate:9,.1f} MB/s {each:10,.1f} us each")
            print(f"  ratio of times, storvsc to IDE     {times['scsi'] / times['ide']:9.2f}")
