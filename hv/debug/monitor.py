"""GDB's ``monitor`` commands: what the machine knows beyond the protocol."""

from collections.abc import Callable

import msgspec

from hv.debug.description import DESCRIPTIONS
from hv.debug.registers import Registers
from hv.errors import ConfigError
from hv.memory import SystemMemory
from hv.mmio import PAGE, open_bus_read
from hv.partition import Partition
from hv.root.machine import Machine
from hv.types import NS_PER_SECOND

MOST_DUMPED = 65536
_LINE = 16
_PORTS = 1 << 16
_TOP = 30
_ADDRESS_SPACE = 1 << 40

HELP = """\
help                  this text
info registers        every register the debugger can see, in hexadecimal
info devices          who answers at which ports and addresses
phys ADDRESS LENGTH   guest physical memory
inspect WHAT          a part's state: vmbus, hypervisor
stats                 exits so far, the most frequent first
vtime                 instructions retired and virtual time
"""


class _UsageError(Exception):
    """The command makes no sense."""


class Monitor:
    """The commands of one machine."""

    def __init__(self, machine: Machine, registers: Registers) -> None:
        self._machine = machine
        self._registers = registers
        self._commands: dict[str, Callable[[list[str]], str]] = {
            "help": lambda _words: HELP,
            "info": self._info,
            "phys": self._phys,
            "inspect": self._inspect,
            "stats": self._stats,
            "vtime": self._vtime,
        }

    def __call__(self, line: str) -> str:
        """The answer to one line: text that ends with a newline."""
        name, *words = line.split() or ["help"]
        command = self._commands.get(name)
        if command is None:
            return f"no command {name[:40]!r}: try 'monitor help'\n"
        try:
            return command(words)
        except _UsageError as error:
            return f"{error}\n"

    def _info(self, words: list[str]) -> str:
        if words == ["registers"]:
            return self._all_registers()
        if words == ["devices"]:
            return _devices(self._machine.partition)
        raise _UsageError("info registers, or info devices")

    def _all_registers(self) -> str:
        lines = []
        for register in DESCRIPTIONS[64].registers:
            value = self._registers.read(register.source)
            lines.append(f"{register.source:<10} {value:0{register.bits // 4}x}\n")
        return "".join(lines)

    def _phys(self, words: list[str]) -> str:
        try:
            address, length = (int(word, 0) for word in words)
        except ValueError:
            raise _UsageError("phys ADDRESS LENGTH, as phys 0x7c00 64") from None
        if not 0 <= address < _ADDRESS_SPACE or not 0 < length <= MOST_DUMPED:
            raise _UsageError(f"phys: below {_ADDRESS_SPACE:#x}, at most {MOST_DUMPED} bytes")
        return _dump(self._machine.partition.memory, address, length)

    def _inspect(self, words: list[str]) -> str:
        try:
            view = self._machine.inspect(" ".join(words))
        except ConfigError as error:
            raise _UsageError(str(error)) from None
        plain = msgspec.to_builtins(view, str_keys=True, enc_hook=str)
        return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n"

    def _stats(self, words: list[str]) -> str:
        if words:
            raise _UsageError("stats takes nothing")
        moment = self._machine.partition.vp.moment()
        rows = sorted(moment.exit_rows(), key=lambda row: -row[1].number)
        lines = [f"{sum(count.number for _, count in rows):,} exits\n"]
        for key, count in rows[:_TOP]:
            device, target = self._machine.exit_target(key)
            lines.append(f"{count.number:>12,}  {device} {target}\n")
        return "".join(lines)

    def _vtime(self, words: list[str]) -> str:
        if words:
            raise _UsageError("vtime takes nothing")
        machine = self._machine
        seconds = machine.vtime_ns / NS_PER_SECOND
        return f"{machine.insns:,} instructions, {seconds:.9f} s virtual\n"


def _dump(memory: SystemMemory, address: int, length: int) -> str:
    content = memory.read(address, length)
    lines = []
    for at in range(0, length, _LINE):
        part = content[at : at + _LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{address + at:010x}  {part.hex(' '):<{3 * _LINE - 1}}  {text}\n")
    return "".join(lines)


def _devices(partition: Partition) -> str:
    lines = []
    first, device = 0, None
    for port in range(_PORTS + 1):
        slot = partition.ports.slot(port) if port < _PORTS else None
        name = slot.device if slot else None
        if name != device:
            if device is not None:
                lines.append(f"port {first:04x}-{port - 1:04x}  {device}\n")
            first, device = port, name
    for region in partition.mmio.fill([(0, _ADDRESS_SPACE // PAGE * PAGE)]):
        if region.read is not open_bus_read:
            lines.append(
                f"{region.gpa:010x}-{region.gpa + region.size - 1:010x}  {region.device}\n"
            )
    return "".join(lines)
