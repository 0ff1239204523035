"""Versions of the channel protocol that a guest may ask for (major << 16 | minor)."""

from enum import IntEnum


class Version(IntEnum):
    V1_1 = 0x00010001
    V2_4 = 0x00020004
    V3_0 = 0x00030000
    V4_0 = 0x00040000
    V4_1 = 0x00040001
    V5_0 = 0x00050000
    V5_1 = 0x00050001
    V5_2 = 0x00050002
    V5_3 = 0x00050003

    @property
    def text(self) -> str:
        return f"{self >> 16}.{self & 0xFFFF}"


EVENT_FLAG_PER_CHANNEL = Version.V2_4
"""From here on a channel has an event flag of its own; before, a bit in the interrupt page."""

MESSAGE_CONNECTION = Version.V5_0
"""From here on INITIATE_CONTACT names SINT and VTL, and the answer names a message connection."""

MODIFY_IS_ANSWERED = Version.V5_3
