"""The connection between guest and bus: what was agreed in INITIATE_CONTACT.

Left out: version 6 and its feature flags, VTLs, monitor pages (their addresses are only checked).
"""

from collections.abc import Collection
from dataclasses import dataclass

from .doors import VMBUS_SINT
from .messages import InitiateContact, VersionResponse
from .version import EVENT_FLAG_PER_CHANNEL, MESSAGE_CONNECTION, Version

MESSAGE_CONNECTION_ID = 1
FIRST_CONTACT_CONNECTION_ID = 4
"""Where guests that can speak 5.0 or later knock first."""

CONNECTED = 0
FAILED = 2

_NOT_SUPPORTED = VersionResponse(0, 0, 0)

_MAX_RELID = 2047
_MAX_RELID_IN_INTERRUPT_PAGE = 255


@dataclass(slots=True)
class Connection:
    """One guest driver's connection, from INITIATE_CONTACT to UNLOAD or the next contact."""

    version: Version
    target_vp: int
    """Where channel messages go."""
    interrupt_page: int
    """GPA of the page whose first half has a bit for each channel; 0: none, or not in this version."""
    offers_requested: bool = False

    @property
    def has_event_flags(self) -> bool:
        """Each channel has an event flag of its own."""
        return self.version >= EVENT_FLAG_PER_CHANNEL

    @property
    def max_relid(self) -> int:
        return _MAX_RELID if self.has_event_flags else _MAX_RELID_IN_INTERRUPT_PAGE


def negotiate(
    contact: InitiateContact, versions: Collection[Version]
) -> tuple[Connection | None, VersionResponse]:
    """What becomes of a contact, and the answer to it."""
    version = next((known for known in versions if known == contact.version), None)
    if version is None:
        return None, _NOT_SUPPORTED
    names_sint = version >= MESSAGE_CONNECTION
    detail = MESSAGE_CONNECTION_ID if names_sint else int(version)
    one_monitor = bool(contact.parent_to_child_monitor) != bool(contact.child_to_parent_monitor)
    elsewhere = names_sint and (contact.sint, contact.vtl) != (VMBUS_SINT, 0)
    if one_monitor or elsewhere:
        return None, VersionResponse(1, FAILED, detail)
    interrupt_page = 0 if names_sint else contact.target
    return (
        Connection(version, contact.target_vp, interrupt_page),
        VersionResponse(1, CONNECTED, detail),
    )
