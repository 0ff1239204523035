"""The board: a PC of the AT line. Chips, their addresses, their wires; nothing else knows any of these.

Memory map and ports are in ARCHITECTURE.md. CMOS cells follow the conventions that PC firmware reads:
0x15-0x18 and 0x30/0x31 memory in KiB, 0x34/0x35 memory above 16 MiB in 64 KiB units, 0x3D boot order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from hv.cost import WorkKind
from hv.interfaces import BlockDevice, ByteSink, IrqLine
from hv.irq import Wire
from hv.memory import LOW_RAM_END
from hv.partition import Partition
from hv.root.pci_slots import PciSlots
from hv.root.platform import SCI_IRQ, Platform
from hv.saved import Parts, parts
from hv.vp import End, Ending
from hv_devices.emulated.debug_ports import DebugExit, MarkPort, PostPort, TextPort
from hv_devices.emulated.firmware_disk import Drive, FirmwareDisk
from hv_devices.emulated.i8042 import I8042
from hv_devices.emulated.i8254 import I8254
from hv_devices.emulated.i8259a_pair import PicPair
from hv_devices.emulated.mc146818 import MC146818
from hv_devices.emulated.ns16550a import Ns16550A
from hv_devices.emulated.port61 import SystemPortB
from hv_devices.emulated.port92 import Port92
from hv_devices.emulated.portcf9 import PortCf9
from hv_devices.emulated.ps2_keyboard import Ps2Keyboard
from hv_devices.emulated.ps2_mouse import Ps2Mouse
from hv_devices.emulated.vga_text import VgaText

MARK_PORT = 0x5A0
FIRMWARE_DISK_PORT = 0x5B0
_KIB, _64K = 1024, 65536
_PIC_TIMER, _IOAPIC_TIMER = 1 << 0, 1 << 2
_IRQ_TIMER, _IRQ_KEYBOARD, _IRQ_COM2, _IRQ_COM1 = 0, 1, 3, 4
_IRQ_RTC, _IRQ_MOUSE, _IRQ_ATA0, _IRQ_ATA1 = 8, 12, 14, 15
_WRITE_CONFIGURATION = 0x60
_FIRMWARE_CONFIGURATION = 0x65  # translation, system flag, mouse clock off, keyboard interrupt
_BOOT_ORDER_CELL = 0x3D
_BOOT_FLOPPY, _BOOT_DISK = 1, 2


def _discard(_data: bytes) -> None:
    """Nobody reads this line."""


@dataclass(frozen=True)
class BoardSetup:
    """What a board is built with: media and where its output goes."""

    ata: tuple[BlockDevice | None, ...] = (None, None, None, None)
    floppies: tuple[Drive, ...] = ()
    boot_from_floppy: bool = True
    epoch: int = 1_704_067_200
    serial: tuple[ByteSink, ByteSink] = (_discard, _discard)
    text: ByteSink = _discard
    on_mark: Callable[[int], None] = field(default=lambda _mark: None)


def _nvram(memory: int, boot_from_floppy: bool) -> dict[int, int]:
    base = LOW_RAM_END // _KIB
    extended = min((memory - (1 << 20)) // _KIB, 0xFFFF)
    high = max(memory - (16 << 20), 0) // _64K
    first, second = (_BOOT_FLOPPY, _BOOT_DISK) if boot_from_floppy else (_BOOT_DISK, _BOOT_FLOPPY)
    return {
        0x15: base & 0xFF,
        0x16: base >> 8,
        0x17: extended & 0xFF,
        0x18: extended >> 8,
        0x30: extended & 0xFF,
        0x31: extended >> 8,
        0x34: high & 0xFF,
        0x35: high >> 8,
        _BOOT_ORDER_CELL: second << 4 | first,
    }


class Board:
    """All chips of the PC, wired to one partition."""

    SAVED = {"_a20": bool, "_timer_watchers": list[bool]}

    def __init__(self, partition: Partition, setup: BoardSetup) -> None:
        self._partition = partition
        self._a20 = True
        clock = partition.clock
        self._timer_watchers = [False, False]
        self.lint0 = Wire(self._to_lint0)
        self.pic = PicPair(self.lint0, watch=self._watch_pic, refresh=self._refresh)
        self.platform = Platform(partition, self.pic.acknowledge, self._watch_ioapic)

        def line(irq: int) -> IrqLine:
            return self.platform.line(irq, self.pic.line(irq))

        self.pit = I8254(clock, line(_IRQ_TIMER))
        self.port61 = SystemPortB(
            clock, lambda level: self.pit.set_gate(2, level), lambda: self.pit.out(2)
        )
        self.rtc = MC146818(
            clock,
            line(_IRQ_RTC),
            epoch_seconds=setup.epoch,
            nvram=_nvram(partition.memory.size, setup.boot_from_floppy),
        )
        meter = partition.vp.exits.meter
        self.keyboard = Ps2Keyboard(clock, meter("ps2 keyboard", WorkKind.INPUT))
        self.mouse = Ps2Mouse(clock, meter("ps2 mouse", WorkKind.INPUT))
        self.port92 = Port92(self._reset_line, self._a20_fast)
        self.i8042 = I8042(
            clock,
            line(_IRQ_KEYBOARD),
            line(_IRQ_MOUSE),
            self._reset_line,
            self._a20_keyboard,
            self.keyboard,
            self.mouse,
        )
        self.com1 = Ns16550A(line(_IRQ_COM1), clock, setup.serial[0])
        self.com2 = Ns16550A(line(_IRQ_COM2), clock, setup.serial[1])
        self.pci = PciSlots(partition, setup.ata, (line(_IRQ_ATA0), line(_IRQ_ATA1)))
        self.ata = self.pci.ata
        self.vga = VgaText(clock, partition.memory.read_video)
        self.firmware_disk = FirmwareDisk(setup.floppies)
        self.post = PostPort()
        self.text = TextPort(setup.text)
        self.exit = DebugExit(self._debug_exit)
        self.mark = MarkPort(setup.on_mark)
        self.portcf9 = PortCf9(self._reset_line)
        self.platform.attach(line(SCI_IRQ))
        self._attach()

    def _to_lint0(self, level: bool) -> None:
        self.platform.apic.lint0.set(level)

    def _attach(self) -> None:
        attach = self._partition.ports.attach
        for name, base, chip in (
            ("i8259a", 0x20, self.pic.master),
            ("i8259a", 0xA0, self.pic.slave),
        ):
            attach(name, base, 2, chip.read, chip.write)
        attach("i8259a", 0x4D0, 2, self.pic.read_elcr, self.pic.write_elcr)
        attach("i8254", 0x40, 4, self.pit.read, self.pit.write)
        attach("port61", 0x61, 1, self.port61.read, self.port61.write)
        attach("mc146818", 0x70, 2, self.rtc.read, self.rtc.write)
        attach("i8042", 0x60, 1, self.i8042.read, self.i8042.write)
        attach("i8042", 0x64, 1, self.i8042.read, self.i8042.write, first_offset=1)
        attach("port92", 0x92, 1, self.port92.read, self.port92.write)
        attach("portcf9", 0xCF9, 1, self.portcf9.read, self.portcf9.write)
        attach("com1", 0x3F8, 8, self.com1.read, self.com1.write)
        attach("com2", 0x2F8, 8, self.com2.read, self.com2.write)
        attach("vga", 0x3B0, 0x30, self.vga.read, self.vga.write)
        attach("post", 0x80, 1, self.post.read, self.post.write)
        attach(
            "debug text",
            0xE9,
            1,
            self.text.read,
            self.text.write,
            write_block=self.text.write_block,
        )
        attach("debug exit", 0xF4, 1, self.exit.read, self.exit.write, width=4)
        attach("mark", MARK_PORT, 1, self.mark.read, self.mark.write, width=4)
        door = self.firmware_disk
        attach(
            "firmware disk",
            FIRMWARE_DISK_PORT,
            16,
            door.read,
            door.write,
            width=4,
            read_block=door.read_block,
            write_block=door.write_block,
        )

    def leave_as_firmware_would(self) -> None:
        """For a guest that is entered directly: scan codes translated, 8259s through the APIC."""
        self.platform.virtual_wire()
        self.i8042.write(1, _WRITE_CONFIGURATION, 1)
        self.i8042.write(0, _FIRMWARE_CONFIGURATION, 1)

    def parts(self) -> Parts:
        """The state of every chip and wire, by path."""
        things = {
            "board": self,
            "lint0": self.lint0,
            "pic": self.pic,
            "pic.master": self.pic.master,
            "pic.slave": self.pic.slave,
            "pit": self.pit,
            "port61": self.port61,
            "rtc": self.rtc,
            "keyboard": self.keyboard,
            "mouse": self.mouse,
            "port92": self.port92,
            "i8042": self.i8042,
            "com1": self.com1,
            "com2": self.com2,
            "vga": self.vga,
            "firmware_disk": self.firmware_disk,
            "post": self.post,
            "portcf9": self.portcf9,
        }
        return parts(things) | self.platform.parts() | self.pci.parts()

    def restored(self) -> None:
        """All chips were put back: the port space follows the interface that moves ports."""
        self.pci.restored()

    def _watch_pic(self, unmasked: int) -> None:
        """A controller tells which inputs could interrupt: an unwatched timer need not tick."""
        self._watch_timer(0, bool(unmasked & _PIC_TIMER))

    def _watch_ioapic(self, unmasked: int) -> None:
        self._watch_timer(1, bool(unmasked & _IOAPIC_TIMER))

    def _watch_timer(self, controller: int, watched: bool) -> None:
        self._timer_watchers[controller] = watched
        self.pit.watch(any(self._timer_watchers))

    def _refresh(self) -> None:
        """The PIC is asked for its requests: an unwatched timer brings its line up to date."""
        self.pit.refresh()

    def _debug_exit(self, value: int) -> None:
        self._partition.vp.finish(End(Ending.DEBUG_EXIT, value))

    def _reset_line(self) -> None:
        self._partition.vp.finish(End(Ending.RESET))

    def _a20_keyboard(self, enabled: bool) -> None:
        self._a20_fast(enabled)
        self.port92.show_a20(enabled)

    def _a20_fast(self, enabled: bool) -> None:
        """One gate with two doors: the later writer wins."""
        if enabled != self._a20:
            self._a20 = enabled
            self._partition.vp.engine.set_a20(enabled)
