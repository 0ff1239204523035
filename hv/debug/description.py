"""Target descriptions: which registers there are in 16-, 32- and 64-bit code, in GDB's own terms.

Follows the GDB manual (13.1), appendix G (Target Descriptions) and G.5.7 (i386 Features). The segments'
bases and the control registers are features of our own. A description stands for one connection; the
packets that carry all registers hold them in its order.

``pc`` is the linear address of the next instruction, the code segment's base included, since GDB knows
nothing of segments: in real mode breakpoints and disassembly are right, and IP is the difference to
``cs_base``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Register:
    """``name`` as GDB has it, ``source`` as hv.debug.registers has it."""

    name: str
    bits: int
    type: str
    source: str

    @property
    def size(self) -> int:
        return self.bits // 8


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    registers: tuple[Register, ...]
    types: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What GDB is told of a processor in one mode."""

    architecture: str
    features: tuple[Feature, ...]

    @property
    def registers(self) -> tuple[Register, ...]:
        return tuple(register for feature in self.features for register in feature.registers)

    def xml(self) -> bytes:
        """``target.xml``."""
        features = "".join(_feature_xml(feature) for feature in self.features)
        return (
            '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "gdb-target.dtd">\n'
            f"<target><architecture>{self.architecture}</architecture><osabi>none</osabi>\n{features}</target>\n"
        ).encode()


_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
_TABLES = ("ldt", "tr", "gdt", "idt")
_FPU_CONTROL = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")

_FLAG_BITS = {
    "CF": 0,
    "PF": 2,
    "AF": 4,
    "ZF": 6,
    "SF": 7,
    "TF": 8,
    "IF": 9,
    "DF": 10,
    "OF": 11,
    "NT": 14,
    "RF": 16,
    "VM": 17,
    "AC": 18,
    "VIF": 19,
    "VIP": 20,
    "ID": 21,
}
_FLAGS_TYPE = (
    '<flags id="i386_eflags" size="4">'
    + "".join(
        f'<field name="{name}" start="{bit}" end="{bit}"/>' for name, bit in _FLAG_BITS.items()
    )
    + "</flags>"
)
_VECTOR_TYPE = (
    '<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>'
    '<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>'
    '<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>'
    '<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>'
    '<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/>'
    '<field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>'
    '<field name="uint128" type="uint128"/></union>'
)


def _feature_xml(feature: Feature) -> str:
    registers = "".join(
        f'<reg name="{r.name}" bitsize="{r.bits}" type="{r.type}"/>\n' for r in feature.registers
    )
    return f'<feature name="{feature.name}">{feature.types}\n{registers}</feature>\n'


def _core(wide: bool) -> Feature:
    if wide:
        names: tuple[str, ...] = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
        names += tuple(f"r{number}" for number in range(8, 16))
        general = {name: name for name in names}
    else:
        narrow = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
        general = {name: f"r{name[1:]}" for name in narrow}
    width = 64 if wide else 32
    kinds = {"rsp": "data_ptr", "rbp": "data_ptr"}
    registers = [
        Register(name, width, kinds.get(source, f"int{width}"), source)
        for name, source in general.items()
    ]
    registers.append(Register("rip" if wide else "eip", width, "code_ptr", "pc"))
    registers.append(Register("eflags", 32, "i386_eflags", "eflags"))
    registers += [Register(name, 32, "int32", name) for name in _SEGMENTS]
    registers += [Register(f"st{n}", 80, "i387_ext", f"st{n}") for n in range(8)]
    registers += [Register(name, 32, "int", name) for name in _FPU_CONTROL]
    return Feature("org.gnu.gdb.i386.core", tuple(registers), _FLAGS_TYPE)


def _sse(count: int) -> Feature:
    registers = [Register(f"xmm{n}", 128, "vec128", f"xmm{n}") for n in range(count)]
    registers.append(Register("mxcsr", 32, "int", "mxcsr"))
    return Feature("org.gnu.gdb.i386.sse", tuple(registers), _VECTOR_TYPE)


def _segments(width: int) -> Feature:
    """Bases of all descriptor caches, limits of the tables, and what SWAPGS exchanges GS with."""
    names = [f"{name}_base" for name in _SEGMENTS + _TABLES]
    names += [f"{name}_limit" for name in _TABLES]
    if width == 64:
        names.append("k_gs_base")
    registers = tuple(Register(name, width, f"int{width}", name) for name in names)
    return Feature("hv.segments", registers)


def _control(width: int) -> Feature:
    names = ("cr0", "cr2", "cr3", "cr4", "cr8", "efer")
    return Feature("hv.control", tuple(Register(n, width, f"int{width}", n) for n in names))


def _describe(architecture: str, width: int, vectors: int) -> Description:
    features = (_core(width == 64), _sse(vectors), _segments(width), _control(width))
    return Description(architecture, features)


DESCRIPTIONS = {
    16: _describe("i8086", 32, 8),
    32: _describe("i386", 32, 8),
    64: _describe("i386:x86-64", 64, 16),
}
"""By the size of the code that runs when the debugger connects."""
