"""Guest crash registers: how a guest leaves word before it ends.

Follows the Hypervisor Top Level Functional Specification (TLFS), chapter Partition Properties, "Partition
Crash Enlightenment". The notification is passed on each time it is written; the guest should write it once.
Left out: the pre-OS identifier and the no-dump request are passed on, not acted upon.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntFlag

from hv.interfaces import GuestMemory

PARAMETERS = 5
MAX_MESSAGE = 4096
MAX_LINE = 200


class CrashControl(IntFlag):
    """HV_CRASH_CTL_REG_CONTENTS."""

    MESSAGE = 1 << 62
    NOTIFY = 1 << 63


_MESSAGE, _NOTIFY = CrashControl.MESSAGE.value, CrashControl.NOTIFY.value
SUPPORTED = _NOTIFY | _MESSAGE
_P3_ADDRESS, _P4_LENGTH = 3, 4
_PANIC = re.compile(r"\bpanic( -|:)")


@dataclass(frozen=True, slots=True)
class CrashReport:
    """P0 to P4, the control word, and the message that P3 and P4 point to (empty when there is none)."""

    parameters: tuple[int, ...]
    control: int
    message: bytes

    def __str__(self) -> str:
        """One line: what seems to be the point of the message, or else the parameters."""
        lines = [line.strip() for line in self.message.decode("utf-8", "replace").splitlines()]
        panics = [line for line in lines if _PANIC.search(line)]
        line = next((line for line in (*panics, *reversed(lines)) if line), "")
        if not line:
            return "P0 to P4 " + " ".join(f"{word:#x}" for word in self.parameters)
        return "".join(one if one.isprintable() else "?" for one in line[:MAX_LINE])


@dataclass
class State:
    parameters: list[int] = field(default_factory=lambda: [0] * PARAMETERS)


class CrashRegisters:
    """CRASH_P0 to CRASH_P4 and CRASH_CTL of a partition."""

    def __init__(self, memory: GuestMemory, report: Callable[[CrashReport], None]) -> None:
        self._memory = memory
        self._report = report
        self.state = State()

    def reset(self) -> None:
        self.state = State()

    def read_parameter(self, index: int) -> int:
        return self.state.parameters[index]

    def write_parameter(self, index: int, value: int) -> None:
        self.state.parameters[index] = value

    def write_control(self, value: int) -> None:
        """Reading CRASH_CTL tells what is SUPPORTED; writing it asks for that."""
        if not value & _NOTIFY:
            return
        parameters = tuple(self.state.parameters)
        message = b""
        if value & _MESSAGE:
            length = min(parameters[_P4_LENGTH], MAX_MESSAGE)
            message = self._memory.read(parameters[_P3_ADDRESS], length)
        self._report(CrashReport(parameters, value, message))
