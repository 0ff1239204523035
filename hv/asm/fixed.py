"""Instructions without operands, encoded here from the opcode map (Intel SDM vol. 2, appendix A).

Keystone gets enough of them wrong (operand-size prefixes on RET, IRET, PUSHF; no MOVSD; quadword
forms outside 64-bit code) that a table is the shorter answer. Also prefixes, which are plain
bytes in front.
"""

from typing import NamedTuple


class Fixed(NamedTuple):
    """Opcode bytes and operand size: 16, 32 or 64 asks for a prefix where needed; 0 takes what
    the mode gives.
    """

    opcode: bytes
    size: int = 0
    modes: tuple[int, ...] = (16, 32, 64)
    default64: bool = False  # 64 bits need no REX.W in 64-bit code (stack operations)


_LEGACY = (16, 32)
_LONG = (64,)

PREFIXES = {
    "lock": 0xF0, "rep": 0xF3, "repe": 0xF3, "repz": 0xF3, "repne": 0xF2, "repnz": 0xF2,
    "cs": 0x2E, "ss": 0x36, "ds": 0x3E, "es": 0x26, "fs": 0x64, "gs": 0x65,
}  # fmt: skip

# Prefixes that say a size: 66 or 67 where it is not the mode's own.
OPERAND_SIZE_PREFIXES = {"o16": 16, "o32": 32, "o64": 64, "data16": 16, "data32": 32}
ADDRESS_SIZE_PREFIXES = {"a16": 16, "a32": 32, "a64": 64, "addr16": 16, "addr32": 32}

_PLAIN = {
    "nop": "90", "hlt": "F4", "cli": "FA", "sti": "FB", "cld": "FC", "std": "FD", "clc": "F8",
    "stc": "F9", "cmc": "F5", "lahf": "9F", "sahf": "9E", "int3": "CC", "int1": "F1",
    "icebp": "F1", "leave": "C9", "wait": "9B", "fwait": "9B", "pause": "F390", "clts": "0F06",
    "invd": "0F08", "wbinvd": "0F09", "ud2": "0F0B", "rdtsc": "0F31", "rdtscp": "0F01F9",
    "rdmsr": "0F32", "wrmsr": "0F30", "rdpmc": "0F33", "cpuid": "0FA2", "syscall": "0F05",
    "sysenter": "0F34", "sysexit": "0F35", "sysret": "0F07", "sysretl": "0F07", "sysretd": "0F07",
    "rsm": "0FAA", "emms": "0F77", "endbr32": "F30F1EFB", "endbr64": "F30F1EFA",
    "vmcall": "0F01C1", "vmlaunch": "0F01C2", "vmresume": "0F01C3", "vmxoff": "0F01C4",
    "vmmcall": "0F01D9", "vmrun": "0F01D8", "vmload": "0F01DA", "vmsave": "0F01DB",
    "stgi": "0F01DC", "clgi": "0F01DD", "skinit": "0F01DE", "monitor": "0F01C8",
    "mwait": "0F01C9", "clac": "0F01CA", "stac": "0F01CB", "xgetbv": "0F01D0", "xsetbv": "0F01D1",
    "lfence": "0FAEE8", "mfence": "0FAEF0", "sfence": "0FAEF8", "xlat": "D7", "xlatb": "D7",
}  # fmt: skip

_NOT_LONG = {
    "into": "CE", "aaa": "37", "aas": "3F", "daa": "27", "das": "2F", "aam": "D40A",
    "aad": "D50A", "salc": "D6",
}  # fmt: skip

_SIZED = {
    "cbw": ("98", 16), "cwde": ("98", 32), "cdqe": ("98", 64),
    "cwd": ("99", 16), "cdq": ("99", 32), "cqo": ("99", 64),
}  # fmt: skip

_STRINGS = {
    "movs": 0xA4,
    "cmps": 0xA6,
    "stos": 0xAA,
    "lods": 0xAC,
    "scas": 0xAE,
    "ins": 0x6C,
    "outs": 0x6E,
}
_SIZE_LETTERS = {"b": 8, "w": 16, "d": 32, "l": 32, "q": 64}


def _modes(size: int) -> tuple[int, ...]:
    return _LONG if size == 64 else (16, 32, 64)


def _stack(name: str, opcode: str) -> dict[str, Fixed]:
    """``name`` in the mode's own size, ``namew`` and so on in a stated one; 64-bit code has no
    32-bit form.
    """
    code = bytes.fromhex(opcode)
    return {
        name: Fixed(code),
        name + "w": Fixed(code, 16),
        name + "d": Fixed(code, 32, _LEGACY),
        name + "l": Fixed(code, 32, _LEGACY),
        name + "q": Fixed(code, 64, _LONG, True),
    }


def _build() -> dict[str, Fixed]:
    table = {name: Fixed(bytes.fromhex(code)) for name, code in _PLAIN.items()}
    table |= {name: Fixed(bytes.fromhex(code), 0, _LEGACY) for name, code in _NOT_LONG.items()}
    table |= {n: Fixed(bytes.fromhex(c), size, _modes(size)) for n, (c, size) in _SIZED.items()}
    table |= _stack("pushf", "9C") | _stack("popf", "9D")
    for name, opcode in (("pusha", "60"), ("popa", "61")):
        table |= {
            n: f._replace(modes=_LEGACY) for n, f in _stack(name, opcode).items() if n[-1] != "q"
        }
    for letter, size in {"": 0, "w": 16, "d": 32, "l": 32, "q": 64}.items():
        table["iret" + letter] = Fixed(b"\xcf", size, _modes(size))
    table["sysretq"] = Fixed(b"\x0f\x07", 64, _LONG)
    table["swapgs"] = Fixed(b"\x0f\x01\xf8", 0, _LONG)
    table["sysexitq"] = Fixed(b"\x0f\x35", 64, _LONG)
    for name, opcode_byte in _STRINGS.items():
        for letter, size in _SIZE_LETTERS.items():
            if name in ("ins", "outs") and size == 64:
                continue
            code = bytes([opcode_byte + (size != 8)])
            table[name + letter] = Fixed(code, 0 if size == 8 else size, _modes(size))
    return table


FIXED = _build()

# PUSH and POP of segment registers: Keystone has the sizes of the wrong mode.
SEGMENT_STACK = {
    ("push", "es"): Fixed(b"\x06", 0, _LEGACY),
    ("pop", "es"): Fixed(b"\x07", 0, _LEGACY),
    ("push", "cs"): Fixed(b"\x0e", 0, _LEGACY),
    ("push", "ss"): Fixed(b"\x16", 0, _LEGACY),
    ("pop", "ss"): Fixed(b"\x17", 0, _LEGACY),
    ("push", "ds"): Fixed(b"\x1e", 0, _LEGACY),
    ("pop", "ds"): Fixed(b"\x1f", 0, _LEGACY),
    ("push", "fs"): Fixed(b"\x0f\xa0", default64=True),
    ("pop", "fs"): Fixed(b"\x0f\xa1", default64=True),
    ("push", "gs"): Fixed(b"\x0f\xa8", default64=True),
    ("pop", "gs"): Fixed(b"\x0f\xa9", default64=True),
}


def encode_fixed(entry: Fixed, bits: int) -> bytes | None:
    """The bytes in code of this mode, None where the instruction does not exist."""
    if bits not in entry.modes:
        return None
    return size_prefix(entry.size, bits, entry.default64) + entry.opcode


def size_prefix(size: int, bits: int, default64: bool = False) -> bytes:
    """The prefix that gives operand size ``size`` (0: the mode's own) in code of this mode."""
    if size == 64:
        return b"" if default64 else b"\x48"
    own = 16 if bits == 16 else 32
    return b"\x66" if size and size != own else b""


# RET takes an immediate, so it is not a table of constants: name -> (opcode without operand,
# operand size).
RETURNS = {
    name + letter: (opcode, size)
    for name, opcode in (("ret", 0xC3), ("retn", 0xC3), ("retf", 0xCB), ("lret", 0xCB))
    for letter, size in {"": 0, "w": 16, "d": 32, "l": 32, "q": 64}.items()
}
