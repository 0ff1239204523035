"""The engine against a bare Unicorn: a compute loop, a port exit."""

import ctypes
import mmap
from collections.abc import Callable

from unicorn import UC_ARCH_X86, UC_HOOK_INSN, UC_MODE_64, Uc
from unicorn.x86_const import UC_X86_INS_IN, UC_X86_INS_OUT, UC_X86_REG_RSP

from hv.clock import host_seconds
from tests.bench.measure import Contender, compare
from tests.machines import flat

ORIGIN = 0x100000
LOOPS = 100_000_000
PORT_LOOPS = 100_000
PORT = 0x80

COMPUTE = """
    mov ecx, {loops}
again:
    add eax, ecx
    xor edx, eax
    rol edx, 3
    lea ebx, [eax + edx]
    dec ecx
    jnz again
"""
_ROUND = """
    add eax, ecx
    xor edx, eax
    rol edx, 3
    lea ebx, [eax + edx]
    mov esi, ebx
    and esi, 0xff
"""
COMPUTE_LONG = "mov ecx, {loops}\nagain:\n" + _ROUND * 5 + "dec ecx\njnz again\n"
PORTS = """
    mov ecx, {loops}
again:
    in al, 0x80
    out 0x80, al
    dec ecx
    jnz again
"""


def _bare(code: bytes, *, ports: bool) -> float:
    uc = Uc(UC_ARCH_X86, UC_MODE_64)
    memory = mmap.mmap(-1, 4 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    uc.mem_map_ptr(0, 4 << 20, 7, address)
    uc.mem_write(ORIGIN, code)
    uc.reg_write(UC_X86_REG_RSP, 0x8000)
    if ports:
        uc.hook_add(UC_HOOK_INSN, lambda _uc, _port, _size, _data: 0, None, 1, 0, UC_X86_INS_IN)
        uc.hook_add(
            UC_HOOK_INSN, lambda _uc, _port, _size, _value, _data: None, None, 1, 0, UC_X86_INS_OUT
        )
    start = host_seconds()
    uc.emu_start(ORIGIN, ORIGIN + len(code))
    return host_seconds() - start


def _assembled(source: str) -> bytes:
    from hv.asm import assemble_text

    return assemble_text(f".code64\n{source}", name="bench", origin=ORIGIN).code


def _ours(source: str, clock: Callable[[], float] = host_seconds) -> float:
    machine = flat(source + "mov al, 0\nout 0xf4, al\n", bits=64, origin=ORIGIN, memory=4 << 20)
    start = clock()
    machine.run()
    return clock() - start


def compute_loop() -> None:
    source = COMPUTE.format(loops=LOOPS)
    code = _assembled(source)
    compare(
        "compute loop, 6 instructions a block",
        Contender("hv", lambda: _ours(source)),
        Contender("bare Unicorn, no hooks", lambda: _bare(code, ports=False)),
        "ratio <= 1.67, which is 0.6 of its speed",
        LOOPS * 6 / 1e6,
        "MIPS",
    )


def compute_long() -> None:
    source = COMPUTE_LONG.format(loops=LOOPS // 5)
    code = _assembled(source)
    compare(
        "compute loop, 32 instructions a block",
        Contender("hv", lambda: _ours(source)),
        Contender("bare Unicorn, no hooks", lambda: _bare(code, ports=False)),
        "ratio <= 1.67, which is 0.6 of its speed",
        LOOPS // 5 * 32 / 1e6,
        "MIPS",
    )


def port_exits(clock: Callable[[], float] = host_seconds) -> float:
    """Seconds for ``PORT_LOOPS`` reads and as many writes of a port."""
    return _ours(PORTS.format(loops=PORT_LOOPS), clock)


def port_exit() -> None:
    code = _assembled(PORTS.format(loops=PORT_LOOPS))
    compare(
        "port read and write, one exit each",
        Contender("hv", port_exits),
        Contender("bare Unicorn, Python callbacks", lambda: _bare(code, ports=True)),
        "ratio <= 2.5",
        2 * PORT_LOOPS / 1e6,
        "M exits/s",
    )
