"""Which enlightenments a partition is offered: names for people, bits for the guest.

Every bit stands for something that is there, and what is not offered does not answer: CPUID, synthetic
registers and hypercalls all ask the same ``Features``. Bits are those of the TLFS 6.0b, chapter Feature and
Interface Discovery and HV_PARTITION_PRIVILEGE_MASK. Left out is what only a root, nested or isolated
partition uses, and statistics, debugging, reenlightenment and virtual secure mode.
"""

from dataclasses import dataclass
from enum import Enum, IntFlag

from hv.errors import ConfigError


class Privilege(IntFlag):
    """HV_PARTITION_PRIVILEGE_MASK: leaf 0x40000003, EAX and EBX."""

    VP_RUNTIME = 1 << 0
    PARTITION_REFERENCE_COUNTER = 1 << 1
    SYNIC_REGS = 1 << 2
    SYNTHETIC_TIMER_REGS = 1 << 3
    INTR_CTRL_REGS = 1 << 4
    HYPERCALL_MSRS = 1 << 5
    VP_INDEX = 1 << 6
    RESET_REG = 1 << 7
    PARTITION_REFERENCE_TSC = 1 << 9
    GUEST_IDLE_REG = 1 << 10
    FREQUENCY_REGS = 1 << 11
    TSC_INVARIANT_CONTROLS = 1 << 15
    POST_MESSAGES = 1 << 36
    SIGNAL_EVENTS = 1 << 37
    ACCESS_VP_REGISTERS = 1 << 49
    EXTENDED_HYPERCALLS = 1 << 52
    START_VIRTUAL_PROCESSOR = 1 << 53


class Misc(IntFlag):
    """Leaf 0x40000003, EDX."""

    XMM_INPUT = 1 << 4
    GUEST_IDLE = 1 << 5
    FREQUENCY_REGS = 1 << 8
    CRASH_REGS = 1 << 10
    SINT_POLLING = 1 << 17
    HYPERCALL_LOCK = 1 << 18
    DIRECT_TIMERS = 1 << 19


class Hint(IntFlag):
    """Leaf 0x40000004, EAX: what the guest had better use."""

    REMOTE_FLUSH = 1 << 2
    APIC_REGS = 1 << 3
    RESET_REG = 1 << 4
    RELAXED_TIMING = 1 << 5
    NO_AUTO_EOI = 1 << 9
    CLUSTER_IPI = 1 << 10
    EX_PROCESSOR_MASKS = 1 << 11


class Feature(Enum):
    """The names, in the order in which they are listed."""

    BASE = "base"
    RUNTIME = "runtime"
    REFCOUNT = "refcount"
    REFTSC = "reftsc"
    FREQUENCIES = "frequencies"
    TSC_INVARIANT = "tsc-invariant"
    SYNIC = "synic"
    SINT_POLLING = "sint-polling"
    NO_AUTO_EOI = "no-auto-eoi"
    STIMER = "stimer"
    STIMER_DIRECT = "stimer-direct"
    APIC_REGS = "apic"
    USE_APIC_REGS = "use-apic"
    EOI_ASSIST = "eoi-assist"
    IDLE = "idle"
    RESET = "reset"
    USE_RESET = "use-reset"
    CRASH = "crash"
    RELAXED_TIMING = "relaxed"
    HYPERCALL_LOCK = "hypercall-lock"
    XMM_INPUT = "xmm-input"
    POST_MESSAGES = "post-message"
    SIGNAL_EVENTS = "signal-event"
    CLUSTER_IPI = "ipi"
    REMOTE_FLUSH = "tlbflush"
    EX_PROCESSOR_MASKS = "ex-masks"
    VP_REGISTERS = "vp-registers"
    START_VP = "start-vp"
    EXTENDED_CALLS = "extended-calls"


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """What a feature is, what must be there with it, and the bits that tell the guest."""

    summary: str
    needs: tuple[Feature, ...] = (Feature.BASE,)
    privileges: int = 0
    misc: int = 0
    hints: int = 0


ROWS: dict[Feature, FeatureRow] = {
    Feature.BASE: FeatureRow(
        "identity, hypercall page, processor index, assist page: what Hv#1 promises",
        needs=(),
        privileges=Privilege.HYPERCALL_MSRS | Privilege.VP_INDEX,
    ),
    Feature.RUNTIME: FeatureRow("processor run time", privileges=Privilege.VP_RUNTIME),
    Feature.REFCOUNT: FeatureRow(
        "reference counter, 10 MHz", privileges=Privilege.PARTITION_REFERENCE_COUNTER
    ),
    Feature.REFTSC: FeatureRow(
        "reference TSC page: reference time without an exit",
        needs=(Feature.REFCOUNT,),
        privileges=Privilege.PARTITION_REFERENCE_TSC,
    ),
    Feature.FREQUENCIES: FeatureRow(
        "TSC and APIC timer frequencies",
        privileges=Privilege.FREQUENCY_REGS,
        misc=Misc.FREQUENCY_REGS,
    ),
    Feature.TSC_INVARIANT: FeatureRow(
        "guest may ask for the invariant TSC bit", privileges=Privilege.TSC_INVARIANT_CONTROLS
    ),
    Feature.SYNIC: FeatureRow(
        "synthetic interrupt controller: messages and event flags", privileges=Privilege.SYNIC_REGS
    ),
    Feature.SINT_POLLING: FeatureRow(
        "interrupt sources that are polled", needs=(Feature.SYNIC,), misc=Misc.SINT_POLLING
    ),
    Feature.NO_AUTO_EOI: FeatureRow(
        "hint: do not use automatic end of interrupt",
        needs=(Feature.SYNIC,),
        hints=Hint.NO_AUTO_EOI,
    ),
    Feature.STIMER: FeatureRow(
        "four synthetic timers a processor",
        needs=(Feature.REFCOUNT, Feature.SYNIC),
        privileges=Privilege.SYNTHETIC_TIMER_REGS,
    ),
    Feature.STIMER_DIRECT: FeatureRow(
        "synthetic timers that interrupt without a message",
        needs=(Feature.STIMER,),
        misc=Misc.DIRECT_TIMERS,
    ),
    Feature.APIC_REGS: FeatureRow(
        "EOI, ICR and TPR as registers", privileges=Privilege.INTR_CTRL_REGS
    ),
    Feature.USE_APIC_REGS: FeatureRow(
        "hint: use them", needs=(Feature.APIC_REGS,), hints=Hint.APIC_REGS
    ),
    Feature.EOI_ASSIST: FeatureRow(
        "no EOI where the assist page says so: the page itself tells, no bit does",
        needs=(Feature.APIC_REGS,),
    ),
    Feature.IDLE: FeatureRow(
        "idle until an interrupt is pending, even with interrupts off",
        privileges=Privilege.GUEST_IDLE_REG,
        misc=Misc.GUEST_IDLE,
    ),
    Feature.RESET: FeatureRow("reset by a register", privileges=Privilege.RESET_REG),
    Feature.USE_RESET: FeatureRow(
        "hint: reset that way", needs=(Feature.RESET,), hints=Hint.RESET_REG
    ),
    Feature.CRASH: FeatureRow("guest crash registers", misc=Misc.CRASH_REGS),
    Feature.RELAXED_TIMING: FeatureRow(
        "hint: no watchdogs that count on timely interrupts", hints=Hint.RELAXED_TIMING
    ),
    Feature.HYPERCALL_LOCK: FeatureRow(
        "the hypercall page can be locked in place", misc=Misc.HYPERCALL_LOCK
    ),
    Feature.XMM_INPUT: FeatureRow("hypercall input in XMM registers", misc=Misc.XMM_INPUT),
    Feature.POST_MESSAGES: FeatureRow("HvCallPostMessage", privileges=Privilege.POST_MESSAGES),
    Feature.SIGNAL_EVENTS: FeatureRow("HvCallSignalEvent", privileges=Privilege.SIGNAL_EVENTS),
    Feature.CLUSTER_IPI: FeatureRow(
        "interrupts between processors by hypercall", hints=Hint.CLUSTER_IPI
    ),
    Feature.REMOTE_FLUSH: FeatureRow("TLB flushes by hypercall", hints=Hint.REMOTE_FLUSH),
    Feature.EX_PROCESSOR_MASKS: FeatureRow(
        "sparse processor sets in those two", hints=Hint.EX_PROCESSOR_MASKS
    ),
    Feature.VP_REGISTERS: FeatureRow(
        "HvCallGetVpRegisters and HvCallSetVpRegisters", privileges=Privilege.ACCESS_VP_REGISTERS
    ),
    Feature.START_VP: FeatureRow(
        "HvCallStartVirtualProcessor and HvCallGetVpIndexFromApicId",
        privileges=Privilege.START_VIRTUAL_PROCESSOR,
    ),
    Feature.EXTENDED_CALLS: FeatureRow(
        "HvExtCallQueryCapabilities", privileges=Privilege.EXTENDED_HYPERCALLS
    ),
}

_DEFAULT = (
    Feature.REFTSC,
    Feature.FREQUENCIES,
    Feature.NO_AUTO_EOI,
    Feature.STIMER_DIRECT,
    Feature.APIC_REGS,
    Feature.CRASH,
    Feature.RELAXED_TIMING,
    Feature.POST_MESSAGES,
    Feature.SIGNAL_EVENTS,
)
"""What a guest with VMBus uses; the rest is for those who ask."""

_ON_REQUEST = Feature.TSC_INVARIANT
"""Not in ``all``: with it a guest turns away from reference time to the plain time stamp counter."""

PRESETS = ("default", "all", "none")


@dataclass(frozen=True, slots=True)
class Features:
    """The enlightenments of one partition, in the order of ``Feature``; none at all: a plain PC."""

    offered: tuple[Feature, ...]

    def __contains__(self, feature: Feature) -> bool:
        return feature in self.offered

    def __bool__(self) -> bool:
        return bool(self.offered)

    def __str__(self) -> str:
        """In a form that ``parse`` takes back."""
        return ",+".join(("none", *(feature.value for feature in self.offered)))

    @property
    def privileges(self) -> int:
        return sum(ROWS[feature].privileges for feature in self.offered)

    @property
    def misc(self) -> int:
        return sum(ROWS[feature].misc for feature in self.offered)

    @property
    def hints(self) -> int:
        return sum(ROWS[feature].hints for feature in self.offered)


def _with(chosen: set[Feature], feature: Feature) -> set[Feature]:
    """``feature`` and what it needs."""
    chosen = chosen | {feature}
    for need in ROWS[feature].needs:
        chosen = _with(chosen, need)
    return chosen


def _without(chosen: set[Feature], feature: Feature) -> set[Feature]:
    """Neither ``feature`` nor what needs it."""
    chosen = chosen - {feature}
    for other in Feature:
        if feature in ROWS[other].needs and other in chosen:
            chosen = _without(chosen, other)
    return chosen


def _preset(name: str) -> set[Feature]:
    chosen: set[Feature] = set()
    if name == "all":
        chosen.update(feature for feature in Feature if feature is not _ON_REQUEST)
    elif name == "default":
        for feature in _DEFAULT:
            chosen = _with(chosen, feature)
    return chosen


def parse(text: str) -> Features:
    """``default``, ``all`` or ``none``, then ``+name`` and ``-name``; without the first, ``default``.

    Adding a feature adds what it needs, taking one away takes what needs it. ConfigError for a name that is
    not one.
    """
    names = {feature.value: feature for feature in Feature}
    first, *changes = [item.strip() for item in text.split(",")]
    if first not in PRESETS:
        first, changes = "default", [first, *changes]
    chosen = _preset(first)
    for change in changes:
        sign, feature = change[:1], names.get(change[1:])
        if sign not in ("+", "-") or feature is None:
            known = " ".join(names)
            raise ConfigError(
                f"enlightenments {text!r}: {change!r} is not +name or -name with one of {known}",
                usage=True,
            )
        chosen = _with(chosen, feature) if sign == "+" else _without(chosen, feature)
    return Features(tuple(feature for feature in Feature if feature in chosen))
