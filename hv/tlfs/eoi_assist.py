"""EOI assist: the bit of the VP assist page that spares the guest its EOIs.

Follows the TLFS 6.0b, 10.3.5 "EOI Assist". An interrupt that is edge-triggered and keeps no other one
waiting needs no EOI: nothing but the local APIC's state would change. The hypervisor says so in a bit, which
the guest reads and clears in one go, and writes no EOI where it was set. The APIC, which calls this, finds
out what became of the bit when it next matters.
"""

from hv.tlfs.overlay import PageRegister

_APIC_ASSIST = 0  # HV_VP_ASSIST_PAGE.ApicAssist, 32 bits
_NO_EOI_REQUIRED = 1 << 0
_SET, _CLEAR = _NO_EOI_REQUIRED.to_bytes(4, "little"), bytes(4)


class EoiAssist:
    """``register`` places the page; ``offered``: the enlightenment is there at all."""

    def __init__(self, register: PageRegister, *, offered: bool) -> None:
        self._register = register
        self._offered = offered

    def offer(self) -> bool:
        """Tell the guest that no EOI is required. False: it has no page to be told in."""
        if not (self._offered and self._register.enabled):
            return False
        self._register.page.write(_APIC_ASSIST, _SET)
        return True

    def withdraw(self) -> bool:
        """Take it back. False: the guest has made use of it, the interrupt has ended."""
        page = self._register.page
        if not page.read(_APIC_ASSIST, 1)[0] & _NO_EOI_REQUIRED:
            return False
        page.write(_APIC_ASSIST, _CLEAR)
        return True
