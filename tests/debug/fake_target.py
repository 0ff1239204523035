"""A processor of a dictionary and a few pages of memory, for sessions without a machine."""

from hv.debug.doors import WatchedRange


class FakeTarget:
    """Registers hold what is written; RAM is 0 to 0x2000; ``cr0`` is read only."""

    def __init__(self, code_bits: int = 64) -> None:
        self.code_bits = code_bits
        self.has_history = True
        self.registers: dict[str, int] = {"pc": 0x7C00, "cr0": 0x11}
        self.ram = bytearray(0x2000)
        self.commands: list[str] = []

    def bits(self) -> int:
        return self.code_bits

    def read_register(self, source: str) -> int:
        return self.registers.get(source, 0)

    def write_register(self, source: str, value: int) -> bool:
        if source == "cr0":
            return False
        self.registers[source] = value
        return True

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self.ram[address : address + size])

    def write_memory(self, address: int, data: bytes) -> bool:
        if address + len(data) > len(self.ram):
            return False
        self.ram[address : address + len(data)] = data
        return True

    def can_watch(self, watched: WatchedRange) -> bool:
        return watched.address + watched.size <= len(self.ram)

    def monitor(self, command: str) -> str:
        self.commands.append(command)
        return f"did {command}\n"
