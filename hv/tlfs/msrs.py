"""Synthetic MSRs: one table.

Follows the TLFS 6.0b, appendix C; names are its, without HV_X64_MSR_. A register that is not offered, a
write to what can only be read and a read of what can only be written raise #GP; reserved bits do not, the
TLFS asks guests to mind them. Left out: NPIEP, statistics pages, power-state triggers, debugging,
reenlightenment, the time-unhalted timer and the copies for nested partitions.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hv.tlfs.crash import PARAMETERS, SUPPORTED
from hv.tlfs.errors import AccessFault
from hv.tlfs.features import Feature, Features
from hv.tlfs.processor import SyntheticProcessor
from hv.tlfs.reference_time import TSC_HZ
from hv.tlfs.stimer import TIMERS
from hv.tlfs.synic import SINTS, VERSION, Sint

Read = Callable[[SyntheticProcessor], int]
Write = Callable[[SyntheticProcessor, int], None]

SINT0 = 0x40000090
STIMER0_CONFIG = 0x400000B0
CRASH_P0 = 0x40000100


@dataclass(frozen=True, slots=True)
class SyntheticMsr:
    """``reset`` is what it reads after a reset, None where that depends on the machine or the time."""

    number: int
    name: str
    feature: Feature
    reset: int | None
    read: Read | None
    write: Write | None


def _zero(_vp: SyntheticProcessor) -> int:
    return 0


def _idle(vp: SyntheticProcessor) -> int:
    vp.doors.control.idle()
    return 0


_PARTITION = (
    SyntheticMsr(
        0x40000000,
        "GUEST_OS_ID",
        Feature.BASE,
        0,
        lambda vp: vp.partition.hypercall_page.guest_os_id,
        lambda vp, value: vp.partition.hypercall_page.write_os_id(value),
    ),
    SyntheticMsr(
        0x40000001,
        "HYPERCALL",
        Feature.BASE,
        0,
        lambda vp: vp.partition.hypercall_page.read(),
        lambda vp, value: vp.partition.hypercall_page.write(value),
    ),
    SyntheticMsr(0x40000002, "VP_INDEX", Feature.BASE, None, lambda vp: vp.index, None),
    SyntheticMsr(
        0x40000003,
        "RESET",
        Feature.RESET,
        0,
        _zero,
        lambda vp, value: vp.partition.write_reset(value),
    ),
    SyntheticMsr(
        0x40000010,
        "VP_RUNTIME",
        Feature.RUNTIME,
        None,
        lambda vp: vp.doors.control.runtime_100ns(),
        None,
    ),
    SyntheticMsr(
        0x40000020,
        "TIME_REF_COUNT",
        Feature.REFCOUNT,
        None,
        lambda vp: vp.partition.reference.now(),
        None,
    ),
    SyntheticMsr(
        0x40000021,
        "REFERENCE_TSC",
        Feature.REFTSC,
        0,
        lambda vp: vp.partition.tsc_page.register.value,
        lambda vp, value: vp.partition.write_reference_tsc(value),
    ),
    SyntheticMsr(0x40000022, "TSC_FREQUENCY", Feature.FREQUENCIES, None, lambda _vp: TSC_HZ, None),
    SyntheticMsr(
        0x40000023,
        "APIC_FREQUENCY",
        Feature.FREQUENCIES,
        None,
        lambda vp: vp.partition.apic_hz,
        None,
    ),
    SyntheticMsr(
        0x40000105,
        "CRASH_CTL",
        Feature.CRASH,
        SUPPORTED,
        lambda _vp: SUPPORTED,
        lambda vp, value: vp.partition.crash.write_control(value),
    ),
    SyntheticMsr(
        0x40000118,
        "TSC_INVARIANT_CONTROL",
        Feature.TSC_INVARIANT,
        0,
        lambda vp: int(vp.partition.tsc_invariant),
        lambda vp, value: vp.partition.write_tsc_invariant(value),
    ),
)

_PROCESSOR = (
    SyntheticMsr(
        0x40000070, "EOI", Feature.APIC_REGS, None, None, lambda vp, _value: vp.doors.apic.eoi()
    ),
    SyntheticMsr(
        0x40000071,
        "ICR",
        Feature.APIC_REGS,
        None,
        lambda vp: vp.doors.apic.read_icr(),
        lambda vp, value: vp.doors.apic.write_icr(value),
    ),
    SyntheticMsr(
        0x40000072,
        "TPR",
        Feature.APIC_REGS,
        None,
        lambda vp: vp.doors.apic.read_tpr(),
        lambda vp, value: vp.doors.apic.write_tpr(value & 0xFF),
    ),
    SyntheticMsr(
        0x40000073,
        "VP_ASSIST_PAGE",
        Feature.BASE,
        0,
        lambda vp: vp.assist.value,
        lambda vp, value: vp.assist.write(value),
    ),
    SyntheticMsr(
        0x40000080,
        "SCONTROL",
        Feature.SYNIC,
        0,
        lambda vp: vp.synic.state.scontrol,
        lambda vp, value: vp.synic.write_scontrol(value),
    ),
    SyntheticMsr(0x40000081, "SVERSION", Feature.SYNIC, VERSION, lambda _vp: VERSION, None),
    SyntheticMsr(
        0x40000082,
        "SIEFP",
        Feature.SYNIC,
        0,
        lambda vp: vp.siefp.value,
        lambda vp, value: vp.synic.write_siefp(value),
    ),
    SyntheticMsr(
        0x40000083,
        "SIMP",
        Feature.SYNIC,
        0,
        lambda vp: vp.simp.value,
        lambda vp, value: vp.synic.write_simp(value),
    ),
    SyntheticMsr(
        0x40000084, "EOM", Feature.SYNIC, 0, _zero, lambda vp, value: vp.synic.write_eom(value)
    ),
    SyntheticMsr(0x400000F0, "GUEST_IDLE", Feature.IDLE, 0, _idle, None),
)


def _sint(number: int) -> SyntheticMsr:
    return SyntheticMsr(
        SINT0 + number,
        f"SINT{number}",
        Feature.SYNIC,
        Sint.MASKED.value,
        lambda vp: vp.synic.state.sints[number],
        lambda vp, value: vp.synic.write_sint(number, value),
    )


def _timer_config(number: int) -> SyntheticMsr:
    return SyntheticMsr(
        STIMER0_CONFIG + 2 * number,
        f"STIMER{number}_CONFIG",
        Feature.STIMER,
        0,
        lambda vp: vp.timers[number].state.config,
        lambda vp, value: vp.timers[number].write_config(value),
    )


def _timer_count(number: int) -> SyntheticMsr:
    return SyntheticMsr(
        STIMER0_CONFIG + 2 * number + 1,
        f"STIMER{number}_COUNT",
        Feature.STIMER,
        0,
        lambda vp: vp.timers[number].state.count,
        lambda vp, value: vp.timers[number].write_count(value),
    )


def _crash_parameter(number: int) -> SyntheticMsr:
    return SyntheticMsr(
        CRASH_P0 + number,
        f"CRASH_P{number}",
        Feature.CRASH,
        0,
        lambda vp: vp.partition.crash.read_parameter(number),
        lambda vp, value: vp.partition.crash.write_parameter(number, value),
    )


MSRS: dict[int, SyntheticMsr] = {
    msr.number: msr
    for msr in (
        *_PARTITION,
        *_PROCESSOR,
        *(_sint(number) for number in range(SINTS)),
        *(_timer_config(number) for number in range(TIMERS)),
        *(_timer_count(number) for number in range(TIMERS)),
        *(_crash_parameter(number) for number in range(PARAMETERS)),
    )
}


def offered(features: Features) -> tuple[int, ...]:
    """The numbers of those that answer, in order."""
    return tuple(sorted(number for number, msr in MSRS.items() if msr.feature in features))


def name_of(number: int) -> str:
    """What statistics call it."""
    msr = MSRS.get(number)
    return msr.name if msr else f"{number:#010x}"


def _find(vp: SyntheticProcessor, number: int) -> SyntheticMsr:
    msr = MSRS.get(number)
    if msr is None or msr.feature not in vp.partition.features:
        raise AccessFault
    return msr


def read_msr(vp: SyntheticProcessor, number: int) -> int:
    """RDMSR. AccessFault where it raises #GP."""
    msr = _find(vp, number)
    if msr.read is None:
        raise AccessFault
    return msr.read(vp)


def write_msr(vp: SyntheticProcessor, number: int, value: int) -> None:
    """WRMSR. AccessFault where it raises #GP."""
    msr = _find(vp, number)
    if msr.write is None:
        raise AccessFault
    msr.write(vp, value)
