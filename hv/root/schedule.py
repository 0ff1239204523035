"""What the host does to a running machine at given virtual times: ``hv run --at 5s:shutdown``.

Host input at virtual times keeps a run reproducible. What an action has to tell goes to ``report``.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from hv.errors import ConfigError
from hv.root.deeds import Deed, PlannedDeed
from hv.root.keys import KeyEvent
from hv.root.machine import Machine
from hv.root.mouse_hand import MouseEvent
from hv.root.services import SyntheticDevices
from hv_devices.synthetic.kvp import Answer
from hv_devices.synthetic.kvp_messages import Pool

_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3}
_FORM = re.compile(r"(\d+)(s|ms|us):([a-z-]+)(?::(.*))?", re.DOTALL)
_ANSWER_POLL_NS = 10_000_000

Report = Callable[[str], None]


def parse_deed(text: str) -> Deed:
    """``TIME:ACTION[:ARGUMENT]``, for instance ``5s:shutdown`` or ``200ms:kvp-set:key=value``."""
    match = _FORM.fullmatch(text)
    if match is None or match[3] not in _ACTIONS:
        known = ", ".join(_ACTIONS)
        raise ConfigError(f"--at {text!r} is not TIME:ACTION with one of {known}", usage=True)
    deed = Deed(int(match[1]) * _UNITS[match[2]], match[3], match[4] or "")
    if deed.name == "kvp-set" and "=" not in deed.argument:
        raise ConfigError(f"--at {text!r}: kvp-set wants key=value", usage=True)
    return deed


def arrange(
    machine: Machine,
    report: Report,
    *,
    deeds: Sequence[Deed],
    mouse: Iterable[MouseEvent],
    keys: Iterable[KeyEvent],
) -> None:
    """All that is to happen to a machine that was just built, in one order for whoever builds it: of two
    things that are due at the same time the one that was planned first comes first.
    """
    schedule(machine, deeds, report)
    machine.mouse_hand.play(mouse)
    machine.hand.play(keys)


def schedule(machine: Machine, deeds: Sequence[Deed], report: Report) -> None:
    """Arm a timer for each deed. ConfigError for one that needs what the machine does not have."""
    for deed in deeds:
        planned = PlannedDeed(deed)
        action = _ACTIONS[deed.name](machine, planned, report)
        clock = machine.partition.clock
        clock.keep(clock.timer(action)).arm(deed.when_ns)
        machine.planned.append(planned)


def _synthetic(machine: Machine, deed: Deed) -> SyntheticDevices:
    if machine.synthetic is None:
        raise ConfigError(f"--at {deed.name}: not with --hv none", usage=True)
    return machine.synthetic


def _shutdown(machine: Machine, planned: PlannedDeed, report: Report) -> Callable[[], None]:
    deed = planned.deed
    service, reboot = _synthetic(machine, deed).shutdown, deed.name == "reboot"

    def act() -> None:
        asked = service.request(reboot=reboot, reason=deed.argument or "asked by the host")
        report(f"{deed.name}: {'asked' if asked else 'no driver of the guest listens'}")

    return act


def _heartbeat(machine: Machine, planned: PlannedDeed, report: Report) -> Callable[[], None]:
    service = _synthetic(machine, planned.deed).heartbeat
    return lambda: report(f"heartbeat: {'alive' if service.alive else 'no answer'}")


def _kvp(machine: Machine, planned: PlannedDeed, report: Report) -> Callable[[], None]:
    deed, tickets = planned.deed, planned.tickets
    service, clock = _synthetic(machine, deed).kvp, machine.partition.clock
    key, _, value = deed.argument.partition("=")

    def act() -> None:
        if deed.name == "kvp-set":
            tickets.append(service.set(Pool.EXTERNAL, key, value))
        else:
            tickets.append(service.enumerate(Pool.GUEST))  # Linux garbles the answer to a GET
        look.arm(clock.now() + _ANSWER_POLL_NS)

    def look_for_answer() -> None:
        answer = service.take(tickets[0])
        if answer is None:
            look.arm(clock.now() + _ANSWER_POLL_NS)
        else:
            report(f"{deed.name} {key}: {_told(deed, key, answer)}")

    look = clock.keep(clock.timer(look_for_answer))
    return act


def _told(deed: Deed, key: str, answer: Answer) -> str:
    found = dict(answer.items).get(key)
    if found is not None:
        return found
    if not answer.ok:
        return f"refused ({answer.status:#010x})"
    return "done" if deed.name == "kvp-set" else "no such item"


def _nmi(machine: Machine, _planned: PlannedDeed, _report: Report) -> Callable[[], None]:
    return machine.partition.vp.nmi


def _power_button(machine: Machine, _planned: PlannedDeed, _report: Report) -> Callable[[], None]:
    return machine.board.platform.pm.press_power_button


_ACTIONS: dict[str, Callable[[Machine, PlannedDeed, Report], Callable[[], None]]] = {
    "shutdown": _shutdown,
    "reboot": _shutdown,
    "heartbeat": _heartbeat,
    "kvp-set": _kvp,
    "kvp-get": _kvp,
    "nmi": _nmi,
    "power-button": _power_button,
}
