"""Boot sectors that run on QEMU's TCG and here: a compute loop, disk reads by REP INSW.

Start-up is taken out: each work is run long and short, and the difference counts.
"""

from collections.abc import Callable

from hv.asm import assemble_text
from hv.clock import host_seconds
from hv.config import MachineConfig
from hv.loaders import LoadOptions, load_bytes
from hv.root.machine import Machine
from tests.bench import qemu
from tests.bench.measure import Contender, compare

SECTORS = 128
READS_LONG, READS_SHORT = 400, 0
LOOPS_LONG, LOOPS_SHORT = 60_000_000, 0
DISK = 1 << 20

COMPUTE = """
    mov ecx, {work}
    jecxz done
again:
    add eax, ecx
    xor edx, eax
    rol edx, 3
    lea ebx, [eax + edx]
    dec ecx
    jnz again
done:
"""
READ = """
    mov ax, 0x2000
    mov es, ax
    mov bp, {work}
    test bp, bp
    jz done
command:
    mov dx, 0x3f6
    mov al, 2
    out dx, al
    mov dx, 0x1f6
    mov al, 0xe0
    out dx, al
    mov dx, 0x1f2
    mov al, 128
    out dx, al
    inc dx
    xor al, al
    out dx, al
    inc dx
    out dx, al
    inc dx
    out dx, al
    mov dx, 0x1f7
    mov al, 0x20
    out dx, al
    xor di, di
    mov si, 128
sector:
    mov dx, 0x1f7
ready:
    in al, dx
    test al, 0x80
    jnz ready
    test al, 8
    jz ready
    mov dx, 0x1f0
    mov cx, 256
    rep insw
    dec si
    jnz sector
    dec bp
    jnz command
done:
"""


def _image(source: str, work: int) -> bytes:
    text = (
        f"org 0x7c00\nbits 16\n{source.format(work=work)}\nmov al, 0\nout 0xf4, al\nhlt\n"
        "times 510-($-$$) db 0\ndw 0xaa55\n"
    )
    code = assemble_text(text, name="bench").code
    return code + bytes(DISK - len(code))


def _ours(image: bytes) -> float:
    options = LoadOptions(memory=64 << 20)
    machine = Machine(MachineConfig(), load_bytes(image, options, name="bench"))
    start = host_seconds()
    machine.run()
    return host_seconds() - start


def _difference(run: Callable[[bytes], float], long: bytes, short: bytes) -> float:
    return max(run(long) - run(short), 1e-9)


def ide_seconds(source: str, work: int) -> float:
    """Seconds for ``work`` rounds of ``source`` here, start-up taken out."""
    return _difference(_ours, _image(source, work), _image(source, 0))


def _against_qemu(
    title: str,
    source: str,
    amounts: tuple[int, int],
    target: str,
    work: float,
    unit: str,
    *options: str,
) -> None:
    if not qemu.installed():
        return
    long, short = (_image(source, amount) for amount in amounts)
    compare(
        title,
        Contender("hv", lambda: _difference(_ours, long, short)),
        Contender(
            "QEMU TCG " + " ".join(options),
            lambda: _difference(lambda image: qemu.run_image(image, *options), long, short),
        ),
        target,
        work,
        unit,
    )


def compute_loop() -> None:
    _against_qemu(
        "compute loop",
        COMPUTE,
        (LOOPS_LONG, LOOPS_SHORT),
        "none; for orientation",
        LOOPS_LONG * 6 / 1e6,
        "MIPS",
        *("-icount", "shift=0"),
    )


def string_read() -> None:
    _against_qemu(
        f"REP INSW, reads of {SECTORS} sectors",
        READ,
        (READS_LONG, READS_SHORT),
        "ratio < 1",
        READS_LONG * SECTORS * 512 / 1e6,
        "MB/s",
    )
