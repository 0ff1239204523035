"""What each processor of a partition has of its own: SynIC, timers, assist page, and the doors to itself."""

from hv.saved import Parts, parts
from hv.tlfs.doors import VpDoors
from hv.tlfs.eoi_assist import EoiAssist
from hv.tlfs.features import Feature
from hv.tlfs.overlay import PageRegister
from hv.tlfs.partition import SyntheticPartition
from hv.tlfs.stimer import TIMERS, SyntheticTimer
from hv.tlfs.synic import Synic


class SyntheticProcessor:
    """The half of the interface that belongs to virtual processor ``index``.

    ``peers`` is the list of all of them, which grows as they are added.
    """

    def __init__(
        self,
        partition: SyntheticPartition,
        peers: list["SyntheticProcessor"],
        apic_id: int,
        doors: VpDoors,
    ) -> None:
        features, space = partition.features, partition.overlays
        clock, reference = partition.doors.clock, partition.reference
        self.index = len(peers)
        self.apic_id = apic_id
        self.partition = partition
        self.peers = peers
        self.doors = doors
        self.simp = PageRegister(space.page(writable=True, executable=False))
        self.siefp = PageRegister(space.page(writable=True, executable=False))
        self.assist = PageRegister(space.page(writable=True, executable=False))
        self.eoi_assist = EoiAssist(self.assist, offered=Feature.EOI_ASSIST in features)
        self.synic = Synic(
            doors.apic,
            self.simp,
            self.siefp,
            reference.now,
            polling=Feature.SINT_POLLING in features,
        )
        direct = Feature.STIMER_DIRECT in features
        self.timers = [
            SyntheticTimer(index, clock, reference, self.synic, doors.apic, direct=direct)
            for index in range(TIMERS)
        ]

    def reset(self) -> None:
        """INIT or power-on."""
        for timer in self.timers:
            timer.reset()
        self.synic.reset()
        self.assist.reset()

    def parts(self) -> Parts:
        """The state of this processor's own half."""
        things: dict[str, object] = {
            "simp": self.simp,
            "siefp": self.siefp,
            "assist": self.assist,
            "synic": self.synic,
        }
        things |= {f"timer{number}": timer for number, timer in enumerate(self.timers)}
        return parts(things, f"hypervisor.vp{self.index}.")

    def inspect(self) -> dict[str, object]:
        return {
            "index": self.index,
            "apic_id": self.apic_id,
            "vp_assist": self.assist.value,
            "synic": self.synic.inspect(),
            "timers": [timer.inspect() for timer in self.timers],
        }
