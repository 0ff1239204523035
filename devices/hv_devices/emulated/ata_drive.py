"""An ATA disk behind the cable: its task file and the non-data, PIO and DMA protocols.

After INCITS 361-2002 (ATA/ATAPI-6), clauses 7 (registers) and 9 (protocols; 9.12, signature).
What each command does is in ``ata_commands``; the two devices of a cable are joined in ``ata``.

A DMA command moves larger blocks than PIO, through the host's DMA engine and with one interrupt at
its end; while a block waits for the engine, DRQ and the wire DMARQ are up.

Left out: overlap and queueing, the drive's own standby timer, PDIAG- and DASP- (both drives are
always good), checksums of Ultra DMA.
"""

from collections.abc import Callable

from hv.interfaces import BlockDevice, Clock
from hv.types import SECTOR_SIZE

from . import ata_address, ata_task_file
from .ata_commands import COMMANDS, abort
from .ata_identify import Identity, Seat
from .ata_registers import Error, Register, Status
from .ata_state import NOT_METERED, DriveState, Phase, TransferWork

ACCESS_NS = 4_000
"""BSY time of a command, and between two blocks: a drive whose cache always hits."""

RESET_NS = 50_000
"""BSY time after a software reset or a diagnostic: there are no platters to wait for."""

_VERIFY_SECTORS = 256
"""Sectors that READ VERIFY reads in one ACCESS_NS."""

_BSY = Status.BSY.value
_READY = Status.DRDY.value | Status.DSC.value
_READY_DRQ = _READY | Status.DRQ.value
_READY_ERR = _READY | Status.ERR.value
_DF = Status.DF.value
_ABRT = Error.ABRT.value
_UNC = Error.UNC.value

_DATA_IN = Phase.DATA_IN.value
_DATA_OUT = Phase.DATA_OUT.value
_DMA_IN = Phase.DMA_IN.value
_DMA_OUT = Phase.DMA_OUT.value
_DMA = (_DMA_IN, _DMA_OUT)
_FIRST_BUSY = Phase.HELD.value

_DIAGNOSTIC_PASSED = 0x01

_STATUS = Register.STATUS.value


class AtaDrive:
    """One disk. ``changed`` is called when its pending interrupt or its DMA request came or went."""

    def __init__(
        self,
        medium: BlockDevice,
        clock: Clock,
        changed: Callable[[], None],
        identity: Identity,
        seat: Seat,
        work: TransferWork = NOT_METERED,
    ) -> None:
        self._work = work
        self.medium = medium
        self.identity = identity
        self.seat = seat
        self._clock = clock
        self._changed = changed
        self._timer = clock.timer(self._on_timer)
        self._after: dict[int, Callable[[], None]] = {
            Phase.RESETTING.value: self._sign,
            Phase.DIAGNOSING.value: self._sign,
            Phase.DIAGNOSING_FIRST.value: self._finish_diagnostic,
            Phase.DECODING.value: self._decode,
            Phase.LOADING.value: self._load,
            Phase.STORING.value: self._store,
            Phase.VERIFYING.value: self._verify,
            Phase.KEEPING.value: self._keep,
        }
        self.state = DriveState()
        self.reset()

    def reset(self) -> None:
        """Power-on. The disk is ready at once, as when a PC's firmware is done counting memory."""
        old = self.state
        self._timer.cancel()
        self._pend(False)
        self.state = DriveState(
            reads=old.reads,
            writes=old.writes,
            bytes_read=old.bytes_read,
            bytes_written=old.bytes_written,
        )
        self.revert()
        self._sign()

    # The registers

    @property
    def busy(self) -> bool:
        return self.state.phase >= _FIRST_BUSY

    @property
    def dma_request(self) -> bool:
        """What the drive wants of DMARQ."""
        return self.state.phase in _DMA

    def register(self, offset: int, high_order: bool) -> int:
        """Read a register other than Data; while busy all of them show Status. No side effect."""
        s = self.state
        if offset == _STATUS or s.phase >= _FIRST_BUSY:
            return s.status
        return ata_task_file.read(s, offset, high_order)

    def latch(self, offset: int, value: int) -> None:
        """Write a register other than Data and Command; lost while busy."""
        if self.state.phase < _FIRST_BUSY:
            ata_task_file.write(self.state, offset, value)

    def start(self, command: int) -> None:
        """Write the Command register. A command that comes while DRQ is set ends the one before."""
        s = self.state
        if s.phase >= _FIRST_BUSY or s.asleep:
            return
        s.command = command
        s.error = 0
        s.dma = False
        self._drop_transfer()
        self._pend(False)
        self._be_busy(Phase.DECODING.value, ACCESS_NS)

    def acknowledge(self) -> None:
        """The host read Status."""
        self._pend(False)

    # Resets

    def hold_in_reset(self) -> None:
        """SRST went to 1."""
        s = self.state
        self._timer.cancel()
        self._drop_transfer()
        s.busy_until_ns = None
        s.asleep = False
        self._enter(Phase.HELD.value, _BSY)
        self._pend(False)

    def leave_reset(self) -> None:
        """SRST went back to 0."""
        if self.state.revert:
            self.revert()
        self._be_busy(Phase.RESETTING.value, RESET_NS)

    def diagnose(self) -> None:
        """EXECUTE DEVICE DIAGNOSTIC, which both devices of a cable obey whichever is selected."""
        if self.state.asleep:
            return
        self._drop_transfer()
        self._pend(False)
        phase = Phase.DIAGNOSING if self.seat.unit else Phase.DIAGNOSING_FIRST
        self._be_busy(phase.value, RESET_NS)

    def revert(self) -> None:
        """Go back to the power-on settings."""
        s, fresh = self.state, DriveState()
        s.multiple = fresh.multiple
        s.transfer_mode = fresh.transfer_mode
        s.dma_mode = fresh.dma_mode
        s.write_cache = fresh.write_cache
        s.look_ahead = fresh.look_ahead
        s.revert = fresh.revert
        _, s.heads, s.sectors_per_track = ata_address.default_geometry(self.medium.sectors)

    def _finish_diagnostic(self) -> None:
        self._sign()
        self._pend(True)

    def _sign(self) -> None:
        """Show the signature of a disk, for hosts that look for drives after a reset (9.12)."""
        s = self.state
        s.error = _DIAGNOSTIC_PASSED
        s.count = s.lba_low = 1
        s.lba_mid = s.lba_high = s.device = 0
        self._be_ready(_READY)

    # The protocols that commands are made of

    def complete(self) -> None:
        """The command is done."""
        self._be_ready(_READY)
        self._pend(True)

    def fail(self, error: int, *, fault: bool = False) -> None:
        """The command ends with these error bits. ``fault``: it was the disk, not the request."""
        self.state.error = error
        self._drop_transfer()
        self._be_ready(_READY_ERR | _DF if fault else _READY_ERR)
        self._pend(True)

    def fail_at(self, lba: int, error: int, *, fault: bool = False) -> None:
        """Like ``fail``, and the registers name the sector that failed."""
        ata_address.encode(self.state, lba)
        self.fail(error, fault=fault)

    def send(self, data: bytes) -> None:
        """One block for the host that is not from the medium."""
        self.state.remaining = 0
        self._offer(data)

    def receive_buffer(self) -> None:
        """One block from the host, for the sector buffer."""
        self.state.remaining = 0
        self._ask(SECTOR_SIZE)

    def read_medium(self) -> None:
        """``remaining`` sectors from ``lba``, the first block now."""
        self.state.reads += 1
        self._account()
        self._load()

    def write_medium(self) -> None:
        """``remaining`` sectors to ``lba``: the host may send the first block."""
        self.state.writes += 1
        self._account()
        self._ask_block()

    def _account(self) -> None:
        """One request that moves ``remaining`` sectors."""
        done = self._work.dma if self.state.dma else self._work.pio
        done(self.state.remaining * SECTOR_SIZE)

    def verify_medium(self) -> None:
        """Read ``remaining`` sectors from ``lba`` and keep none."""
        self._verify()

    # The data port, and the DMA engine at the other end of the cable

    def take(self, size: int) -> bytes:
        """Up to ``size`` bytes of the block that waits for the host; empty when none does."""
        return self._taken(size) if self.state.phase == _DATA_IN else b""

    def give(self, data: bytes) -> None:
        """Bytes from the host; lost when the block has no room for them or none is due."""
        if self.state.phase == _DATA_OUT:
            self._given(data)

    def dma_ready(self, to_memory: bool) -> int:
        """Bytes that wait for the engine, or that it owes, by the direction it is set to."""
        s = self.state
        if to_memory:
            return len(s.data_in) - s.position if s.phase == _DMA_IN else 0
        return s.expected - len(s.data_out) if s.phase == _DMA_OUT else 0

    def dma_take(self, size: int) -> bytes:
        """Up to ``size`` bytes of the block that waits for the engine; empty when none does."""
        return self._taken(size) if self.state.phase == _DMA_IN else b""

    def dma_give(self, data: bytes) -> None:
        """Bytes from the engine; lost when none are due."""
        if self.state.phase == _DMA_OUT:
            self._given(data)

    def _taken(self, size: int) -> bytes:
        s = self.state
        data = s.data_in[s.position : s.position + size]
        s.position += len(data)
        if s.position == len(s.data_in):
            self._block_taken()
        return data

    def _given(self, data: bytes) -> None:
        s = self.state
        s.data_out += data[: s.expected - len(s.data_out)]
        if len(s.data_out) == s.expected:
            self._block_given()

    def _block_taken(self) -> None:
        if self.state.remaining:
            self._be_busy(Phase.LOADING.value, ACCESS_NS)
        else:
            self._end_transfer(interrupt=self.state.dma)

    def _block_given(self) -> None:
        phase = Phase.STORING if self.state.remaining else Phase.KEEPING
        self._be_busy(phase.value, ACCESS_NS)

    def _offer(self, data: bytes) -> None:
        s = self.state
        s.data_in, s.position = data, 0
        if s.dma:
            self._enter(_DMA_IN, _READY_DRQ)
        else:
            self._enter(_DATA_IN, _READY_DRQ)
            self._pend(True)

    def _ask(self, size: int) -> None:
        s = self.state
        s.data_out.clear()
        s.expected = size
        self._enter(_DMA_OUT if s.dma else _DATA_OUT, _READY_DRQ)

    def _ask_block(self) -> None:
        self._ask(self._next_count() * SECTOR_SIZE)

    # What happens when the BSY time is over

    def _on_timer(self) -> None:
        self.state.busy_until_ns = None
        self._after[self.state.phase]()

    def _decode(self) -> None:
        COMMANDS.get(self.state.command, abort)(self)

    def _load(self) -> None:
        s = self.state
        count = self._next_count()
        try:
            data = self.medium.read(s.lba, count)
        except OSError:
            self.fail_at(self._first_unreadable(count), _UNC)
            return
        s.bytes_read += len(data)
        self._advance(count)
        self._offer(data)

    def _store(self) -> None:
        s = self.state
        count = self._next_count()
        try:
            self.medium.write(s.lba, bytes(s.data_out))
            if count == s.remaining and not s.write_cache:
                self.medium.flush()
        except OSError:
            self.fail_at(s.lba, _ABRT, fault=True)
            return
        s.bytes_written += len(s.data_out)
        self._advance(count)
        if s.remaining:
            if not s.dma:
                self._pend(True)
            self._ask_block()
        else:
            self._end_transfer(interrupt=True)

    def _end_transfer(self, *, interrupt: bool) -> None:
        """All data of a command has moved. A PIO read had its last interrupt before its last block."""
        if interrupt:
            self.complete()
        else:
            self._be_ready(_READY)

    def _verify(self) -> None:
        s = self.state
        count = min(_VERIFY_SECTORS, s.remaining)
        try:
            self.medium.read(s.lba, count)
        except OSError:
            self.fail_at(self._first_unreadable(count), _UNC)
            return
        self._advance(count)
        if s.remaining:
            self._be_busy(Phase.VERIFYING.value, ACCESS_NS)
        else:
            self.complete()

    def _keep(self) -> None:
        self.state.sector_buffer = bytes(self.state.data_out)
        self.complete()

    def _next_count(self) -> int:
        return min(self.state.block, self.state.remaining)

    def _advance(self, count: int) -> None:
        """``count`` sectors are done: the registers name the last of them and how many are left."""
        s = self.state
        s.lba += count
        s.remaining -= count
        ata_address.encode(s, s.lba - 1)
        s.count = s.remaining & (0xFFFF if s.extended else 0xFF)

    def _first_unreadable(self, count: int) -> int:
        """The first bad one of the next ``count`` sectors, of which one at least is bad."""
        first = self.state.lba
        for lba in range(first, first + count):
            try:
                self.medium.read(lba, 1)
            except OSError:
                return lba
        return first

    # Changes of state

    def _be_busy(self, phase: int, duration_ns: int) -> None:
        s = self.state
        s.busy_until_ns = self._clock.now() + duration_ns
        self._timer.arm(s.busy_until_ns)
        self._enter(phase, _BSY)

    def _be_ready(self, status: int) -> None:
        self._enter(Phase.READY.value, status)

    def _enter(self, phase: int, status: int) -> None:
        """Callers do this last: a new DMA request may be served before it returns."""
        s = self.state
        before = s.phase in _DMA
        s.phase, s.status = phase, status
        if before != self.dma_request:
            self._changed()

    def _drop_transfer(self) -> None:
        self.state.data_in, self.state.position = b"", 0
        self.state.data_out.clear()

    def _pend(self, interrupt: bool) -> None:
        if self.state.interrupt != interrupt:
            self.state.interrupt = interrupt
            self._changed()
