"""MMIO callbacks: what Unicorn calls for an access to a region that a device answers for."""

from collections.abc import Callable
from typing import Any

from hv.cpu.engine.binding import MMIO_READ, MMIO_WRITE
from hv.cpu.pace import FLAG_ABORT, FLAG_STOP, FLAGS

MmioRead = Callable[[int, int], int]
MmioWrite = Callable[[int, int, int], None]

_ALL_ONES = (1 << 64) - 1


class MmioCallbacks:
    """Makes them for one engine. What a handler raises cannot cross the C frame: it is kept, the run stops.

    In a block whose instruction was aborted they do nothing.
    """

    def __init__(self, pace: memoryview) -> None:
        self._pace = pace
        self._error: BaseException | None = None

    def take_error(self) -> BaseException | None:
        """The exception that a handler raised, once."""
        error, self._error = self._error, None
        return error

    def make(self, read: MmioRead, write: MmioWrite) -> tuple[Any, Any]:
        """C callbacks for ``read(offset, width)`` and ``write(offset, value, width)``; to be kept alive."""

        def on_read(_uc: int, offset: int, width: int, _user: int) -> int:
            if self._pace[FLAGS] & FLAG_ABORT:
                return _ALL_ONES
            try:
                return read(offset, width)
            except BaseException as error:  # noqa: BLE001 - may not cross the C frame
                self._fail(error)
                return _ALL_ONES

        def on_write(_uc: int, offset: int, width: int, value: int, _user: int) -> None:
            if self._pace[FLAGS] & FLAG_ABORT:
                return
            try:
                write(offset, value, width)
            except BaseException as error:  # noqa: BLE001 - may not cross the C frame
                self._fail(error)

        return MMIO_READ(on_read), MMIO_WRITE(on_write)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._pace[FLAGS] |= FLAG_STOP
