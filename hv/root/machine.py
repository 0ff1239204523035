"""A machine: a child partition on a board with an image in it, run until it ends."""

import hashlib
import mmap
from collections.abc import Callable
from dataclasses import dataclass

from hv.clock import host_ns
from hv.config import MachineConfig
from hv.cost import load_model
from hv.cpu.entry import enter
from hv.cpu.pace import NEVER
from hv.errors import ConfigError
from hv.interfaces import BlockDevice, ByteSink
from hv.loaders import NO_SYMBOLS, BootImage
from hv.partition import Partition
from hv.root.acpi_tables import AcpiPlatform
from hv.root.acpi_tables import build as build_acpi_tables
from hv.root.board import Board, BoardSetup
from hv.root.deeds import PlannedDeed
from hv.root.disk import Disk
from hv.root.exit_names import ExitNames
from hv.root.firmware import firmware_image
from hv.root.media import MAX_ATA_DISKS, Media
from hv.root.mouse_hand import MouseHand
from hv.root.platform import PM_PORT
from hv.root.pricing import Pricing
from hv.root.services import ServiceSetup, SyntheticDevices
from hv.root.typing_hand import TypingHand
from hv.saved import Parts, parts
from hv.stats import Moment
from hv.tlfs import Features, parse_features
from hv.vp import End, Ending
from hv_devices.emulated.local_apic_timer import APIC_HZ

UNLIMITED = 1 << 62
_HASH_CHUNK = 1 << 16
_ZERO = bytes(_HASH_CHUNK)

MOST_MARKS = 4096
"""Later ones are only counted: each keeps a copy of all counts."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The guest passed a named point; what was counted up to there."""

    id: int
    moment: Moment


@dataclass
class Outputs:
    """Where bytes from the guest go, besides being remembered."""

    serial: ByteSink = lambda _data: None
    serial2: ByteSink = lambda _data: None
    text: ByteSink = lambda _data: None


@dataclass(frozen=True, slots=True)
class Record:
    """What a machine has told so far."""

    serial_log: bytes
    text_log: bytes
    marks: list[Mark]
    lost_marks: int


class Machine:
    """One guest, from power-on to its end. ``host_time``: measure the host's time by exit, too."""

    SAVED_AS = Record

    def __init__(
        self,
        config: MachineConfig,
        image: BootImage | None = None,
        outputs: Outputs | None = None,
        media: tuple[Disk, ...] = (),
        scsi_media: tuple[Disk, ...] = (),
        *,
        host_time: bool = False,
    ) -> None:
        disks = Media.of(config, image, media, scsi_media)
        self._build(config, disks, outputs or Outputs(), host_time=host_time)
        if image is not None:
            self.symbols = image.symbols
        self._power_on(image)

    @classmethod
    def resumed(
        cls, config: MachineConfig, media: Media, memory: mmap.mmap, outputs: Outputs | None = None
    ) -> "Machine":
        """A machine around the memory of one that ran before; ``parts`` are still to be loaded."""
        machine = cls.__new__(cls)
        machine._build(config, media, outputs or Outputs(), memory)
        machine.partition.power_on()
        return machine

    # Building.

    def _build(
        self,
        config: MachineConfig,
        media: Media,
        outputs: Outputs,
        memory: mmap.mmap | None = None,
        *,
        host_time: bool = False,
    ) -> None:
        self.config = config
        self.serial_log = bytearray()
        self.text_log = bytearray()
        self.marks: list[Mark] = []
        self.lost_marks = 0
        self.on_mark: Callable[[int], None] | None = None
        self.symbols = NO_SYMBOLS
        self.planned: list[PlannedDeed] = []
        self.media = media
        features = parse_features(config.hv)
        self.partition = Partition(
            config.memory,
            lambda: self.board.platform.apic,
            hypervisor_present=bool(features),
            host_ns=host_ns if host_time else None,
            content=memory,
        )
        model = load_model(config.cost_model)
        self.pricing = Pricing(model, self.partition)
        self.partition.vp.charge_by(self.pricing, model.cpi()[1], model.rdtsc())
        self.board = Board(
            self.partition,
            BoardSetup(
                ata=_padded(self.media.ata, MAX_ATA_DISKS),
                floppies=tuple(self.media.drives),
                boot_from_floppy=config.boot != "disk",
                epoch=config.epoch,
                serial=(_tee(self.serial_log, outputs.serial), outputs.serial2),
                text=_tee(self.text_log, outputs.text),
                on_mark=self._mark,
            ),
        )
        self.synthetic = self._enlighten(features)
        synthetic_keyboard = self.synthetic.keyboard if self.synthetic else None
        self.hand = TypingHand(self.partition.clock, self.board.keyboard, synthetic_keyboard)
        synthetic_mouse = self.synthetic.mouse if self.synthetic else None
        self.mouse_hand = MouseHand(self.partition.clock, self.board.mouse, synthetic_mouse)
        bus = self.synthetic.bus if self.synthetic else None
        self.exit_target = (
            ExitNames(self.partition, bus.channel_name) if bus else ExitNames(self.partition)
        )
        self.partition.clock.seal()

    def _enlighten(self, features: Features) -> SyntheticDevices | None:
        """Offer the hypervisor's interface with the services behind it, when it is wanted."""
        partition = self.partition
        partition.enlighten(features, self.board.platform.apic, APIC_HZ)
        hypervisor = partition.hypervisor
        if hypervisor is None:
            if self.media.units:
                raise ConfigError("disks on SCSI need the hypervisor's interface: not with hv=none")
            return None
        setup = ServiceSetup(
            epoch=self.config.epoch,
            reference_time=hypervisor.reference_time,
            meter=partition.vp.exits.meter,
            luns=self.media.units,
        )
        return SyntheticDevices(hypervisor, partition.clock, partition.memory, setup)

    def _power_on(self, image: BootImage | None) -> None:
        partition = self.partition
        if image is None or image.entry is None:
            partition.memory.load_rom(firmware_image(self.config.firmware))
        self._load_tables()
        partition.power_on()
        if image is None:
            return
        for segment in image.segments:
            partition.memory.place(segment.gpa, segment.data, segment.size)
        if image.entry is not None:
            self.board.leave_as_firmware_would()
            entry = image.entry
            enter(
                partition.vp.state,
                bits=int(entry.mode),
                rip=entry.rip,
                selectors=(entry.cs, entry.ds, entry.ss),
                control=(entry.cr0, entry.cr3, entry.cr4, entry.efer),
                rflags=entry.rflags,
                gdt=None if entry.gdt is None else (entry.gdt, entry.gdt_limit),
                registers=dict(entry.registers),
            )
            partition.vp.engine.restore()
            partition.vp.engine.flush_tlb()

    def _load_tables(self) -> None:
        platform = AcpiPlatform(pm_base=PM_PORT, vmbus=self.synthetic is not None)
        for gpa, data in build_acpi_tables(platform).pieces:
            self.partition.memory.load_tables(gpa, data)

    def _mark(self, mark: int) -> None:
        if len(self.marks) < MOST_MARKS:
            self.marks.append(Mark(mark, self.partition.vp.moment()))
        else:
            self.lost_marks += 1
        if self.on_mark is not None:
            self.on_mark(mark)

    # State.

    def parts(self) -> Parts:
        """All that changes while it runs, but for memory and media, each under its path."""
        synthetic = self.synthetic.parts() if self.synthetic else {}
        host = parts({"typing": self.hand, "mouse_hand": self.mouse_hand, "record": self})
        return self.partition.parts() | self.board.parts() | synthetic | host

    def save(self) -> Record:
        return Record(bytes(self.serial_log), bytes(self.text_log), self.marks, self.lost_marks)

    def load(self, saved: Record) -> None:
        self.serial_log[:] = saved.serial_log
        self.text_log[:] = saved.text_log
        self.marks[:] = saved.marks
        self.lost_marks = saved.lost_marks

    # Running.

    def run(
        self,
        max_insns: int = UNLIMITED,
        *,
        until_ns: int = NEVER,
        slice_insns: int = 20_000_000,
        between: Callable[[], bool] = lambda: True,
    ) -> End:
        """Run to the guest's end, to ``max_insns`` retired instructions or to ``until_ns`` of virtual time.

        ``between`` is called about every ``slice_insns`` instructions; False ends the run. Slices change
        nothing that the guest can see. PartitionStateError after ``close``.
        """
        vp = self.partition.vp
        while True:
            target = min(max_insns, vp.retired() + slice_insns)
            end = self.partition.run(target, until_ns)
            if end is not None:
                return end
            if vp.retired() >= max_insns:
                return End(Ending.BUDGET, detail=f"stopped after {vp.retired()} instructions")
            if self.vtime_ns >= until_ns:
                detail = f"stopped after {self.vtime_ns} ns of virtual time"
                return End(Ending.BUDGET, detail=detail)
            if not between():
                return End(Ending.STOPPED, detail=f"stopped at {vp.where()}")

    @property
    def insns(self) -> int:
        """Instructions retired since power-on."""
        return self.partition.vp.retired()

    @property
    def vtime_ns(self) -> int:
        return self.partition.clock.now()

    def state_hash(self) -> str:
        """SHA-256 over memory, the processor's architectural state and virtual time."""
        digest = hashlib.sha256()
        buffer = self.partition.memory.buffer
        for at in range(0, len(buffer), _HASH_CHUNK):
            chunk = buffer[at : at + _HASH_CHUNK]
            if chunk != _ZERO[: len(chunk)]:
                digest.update(at.to_bytes(8, "little"))
                digest.update(chunk)
        digest.update(self.partition.vp.architectural_state())
        digest.update(self.insns.to_bytes(8, "little"))
        digest.update(self.vtime_ns.to_bytes(8, "little"))
        return digest.hexdigest()

    def flush(self) -> None:
        """Make what the guest wrote to disks durable, where they keep it."""
        for disk in self.media.opened:
            disk.flush()

    def disk(self, index: int, bus: str = "ide") -> Disk:
        """The disk ``index`` of a bus, for looking at what the guest wrote."""
        return (self.media.scsi if bus == "scsi" else self.media.ata)[index]

    def inspect(self, what: str) -> object:
        """State as plain data: ``vmbus`` or ``hypervisor``; None where there is none."""
        if what == "vmbus":
            return self.synthetic.inspect() if self.synthetic else None
        if what == "hypervisor":
            hypervisor = self.partition.hypervisor
            return hypervisor.inspect() if hypervisor else None
        raise ConfigError(f"nothing to inspect under {what!r}", usage=True)

    def close(self) -> None:
        """End the partition's life and give back host files."""
        self.partition.finalise()
        for disk in self.media.opened:
            disk.close()


def _tee(log: bytearray, sink: ByteSink) -> ByteSink:
    def write(data: bytes) -> None:
        log.extend(data)
        sink(data)

    return write


def _padded(disks: list[Disk], count: int) -> tuple[BlockDevice | None, ...]:
    return (*disks, *[None] * (count - len(disks)))
