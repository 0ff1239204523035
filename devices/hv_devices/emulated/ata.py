"""One ATA channel: the cable with up to two disks, as a PC has it at 0x1F0/0x3F6 and 0x170/0x376.

After INCITS 361-2002 (ATA/ATAPI-6), clauses 5.2.9 (INTRQ), 7 (registers) and 9.16.1 (device 0
alone). A write to the command block reaches both devices, a read is answered by the selected one.
Device 0 alone on the cable answers for an absent device 1 too, but Status then reads 00h.

Where nobody drives the bus it reads 7Fh, as on a PC: the data lines float high but for DD7, which
the host adapter pulls down so that BSY reads 0 and no software waits for a drive that is not
there.

The cable's DMA wires are a request (DMARQ) and a way to move data for whoever acknowledges it.

Left out: packet devices, the Drive Address register (obsolete; it floats).
"""

from dataclasses import dataclass

from hv.interfaces import BlockDevice, Clock, IrqLine
from hv.irq import Unconnected

from .ata_drive import AtaDrive
from .ata_identify import Identity, Seat
from .ata_registers import Command, Control, ControlRegister, Device, Register
from .ata_state import NOT_METERED, TransferWork

_DATA = Register.DATA.value
_COMMAND = Register.COMMAND.value
_STATUS = Register.STATUS.value
_DEVICE = Register.DEVICE.value
_DEV = Device.DEV.value
_NIEN = Control.NIEN.value
_SRST = Control.SRST.value
_HOB = Control.HOB.value
_DIAGNOSTIC = Command.EXECUTE_DEVICE_DIAGNOSTIC.value

_FLOATING = 0x7F
_FLOATING_WORD = b"\x7f\xff"
_OPEN_BUS = 0xFF
_WORD = 2


@dataclass
class ChannelState:
    """What belongs to the cable; each drive keeps its own state."""

    selected: int = 0
    control: int = 0


class AtaChannel:
    """A legacy ATA channel. ``disks`` are device 0 and device 1."""

    def __init__(
        self,
        irq: IrqLine,
        clock: Clock,
        disks: tuple[BlockDevice | None, BlockDevice | None],
        identities: tuple[Identity, Identity] = (Identity("HV0"), Identity("HV1")),
        dmarq: IrqLine | None = None,
        work: TransferWork = NOT_METERED,
    ) -> None:
        self._irq = irq
        self._dmarq = dmarq or Unconnected()
        self.state = ChannelState()
        self.drives: list[AtaDrive | None] = [None, None]
        for unit, disk in enumerate(disks):
            if disk is not None:
                seat = Seat(unit, alone=disks[1 - unit] is None)
                self.drives[unit] = AtaDrive(
                    disk, clock, self._settle, identities[unit], seat, work
                )

    def reset(self) -> None:
        """Power-on or hardware reset."""
        self.state = ChannelState()
        for drive in self._present():
            drive.reset()
        self._settle()

    # The command block

    def read(self, offset: int, width: int) -> int:
        """Command block. The data port takes every width; elsewhere wide accesses are bytes."""
        if offset == _DATA:
            return int.from_bytes(self.read_block(_DATA, width, 1), "little")
        value = self._read_register(offset)
        for index in range(1, width):
            value |= self._read_register(offset + index) << 8 * index
        return value

    def write(self, offset: int, value: int, width: int) -> None:
        """Command block."""
        data = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        if offset == _DATA:
            self.write_block(_DATA, width, data)
            return
        for index, byte in enumerate(data):
            self._write_register(offset + index, byte)

    def read_block(self, offset: int, width: int, count: int) -> bytes:
        """``count`` reads of one port, as REP INS does them; the caller keeps ``count`` sane."""
        if not count:
            return b""
        if offset != _DATA:
            # Reading a register twice changes nothing that reading it once did not.
            return self.read(offset, width).to_bytes(width, "little") * count
        # The data port moves words: a byte access takes a whole one and shows its low half.
        size = max(width, _WORD) * count
        drive = self._selected()
        data = drive.take(size) if drive else b""
        if len(data) < size:
            data += _FLOATING_WORD * ((size - len(data)) // _WORD)
        return data[::_WORD] if width < _WORD else data

    def write_block(self, offset: int, width: int, data: bytes) -> None:
        """``len(data) // width`` writes of one port, as REP OUTS does them."""
        if offset != _DATA:
            for start in range(0, len(data), width):
                self.write(offset, int.from_bytes(data[start : start + width], "little"), width)
            return
        drive = self._selected()
        if drive:
            drive.give(_as_words(data) if width < _WORD else data)

    # The DMA engine of the host adapter

    def dma_ready(self, to_memory: bool) -> int:
        """How many bytes the selected device can move in this direction now."""
        drive = self._selected()
        return drive.dma_ready(to_memory) if drive else 0

    def dma_take(self, size: int) -> bytes:
        """Up to ``size`` bytes from the selected device; empty when it has none to give now."""
        drive = self._selected()
        return drive.dma_take(size) if drive else b""

    def dma_give(self, data: bytes) -> None:
        """Bytes for the selected device, at most as many as it is ready for."""
        drive = self._selected()
        if drive:
            drive.dma_give(data)

    # The control block

    def read_control(self, offset: int, width: int) -> int:
        """Control block; offset 0 is 0x3F6. Alternate Status leaves the interrupt alone."""
        value = 0
        for index in range(width):
            byte = _OPEN_BUS
            if offset + index == ControlRegister.ALTERNATE_STATUS:
                byte = self._status()
            value |= byte << 8 * index
        return value

    def write_control(self, offset: int, value: int, width: int) -> None:
        """Control block; offset 0 is 0x3F6."""
        if offset == ControlRegister.DEVICE_CONTROL:
            self._write_device_control(value & 0xFF)

    def _write_device_control(self, value: int) -> None:
        """Both devices obey, whichever is selected."""
        s = self.state
        before, s.control = s.control, value
        if value & _SRST:
            s.selected = 0
            for drive in self._present():
                drive.hold_in_reset()
        elif before & _SRST:
            for drive in self._present():
                drive.leave_reset()
        self._settle()

    # Registers

    def _read_register(self, offset: int) -> int:
        if offset > _STATUS:
            return _OPEN_BUS
        selected = self._selected()
        if offset == _STATUS:
            status = self._status()
            if selected:
                selected.acknowledge()
            return status
        drive = selected or self.drives[0]
        if not drive:
            return _FLOATING
        value = drive.register(offset, bool(self.state.control & _HOB))
        if offset == _DEVICE and not drive.busy:
            value = value & ~_DEV | (_DEV if self.state.selected else 0)
        return value

    def _status(self) -> int:
        drive = self._selected()
        if drive:
            return drive.register(_STATUS, False)
        return 0 if self.drives[0] else _FLOATING

    def _write_register(self, offset: int, value: int) -> None:
        if offset > _COMMAND:
            return
        self.state.control &= ~_HOB
        if offset == _COMMAND:
            self._start(value)
            return
        if offset == _DEVICE:
            self.state.selected = 1 if value & _DEV else 0
            self._settle()
        for drive in self._present():
            drive.latch(offset, value)

    def _start(self, command: int) -> None:
        selected = self._selected()
        if command == _DIAGNOSTIC:
            self._diagnose()
        elif selected:
            selected.start(command)

    def _diagnose(self) -> None:
        if any(drive.busy for drive in self._present()):
            return
        self.state.selected = 0
        for drive in self._present():
            drive.diagnose()
        self._settle()

    def _present(self) -> list[AtaDrive]:
        return [drive for drive in self.drives if drive]

    def _selected(self) -> AtaDrive | None:
        return self.drives[self.state.selected]

    def _settle(self) -> None:
        """INTRQ and DMARQ are the selected device's; the host may turn off the first."""
        drive = self._selected()
        pending = drive is not None and drive.state.interrupt
        self._irq.set(pending and not self.state.control & _NIEN)
        # Last: the engine may serve the request at once, and that settles again.
        self._dmarq.set(drive is not None and drive.dma_request)


def _as_words(data: bytes) -> bytes:
    """Byte writes of the data port: nobody drives the high half of the word."""
    words = bytearray(b"\xff") * (_WORD * len(data))
    words[::_WORD] = data
    return bytes(words)
