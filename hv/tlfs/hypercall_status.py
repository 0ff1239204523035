"""HV_STATUS: how a hypercall ends. Values of the TLFS 6.0b, appendix B; those that can be returned here."""

from enum import IntEnum


class Status(IntEnum):
    SUCCESS = 0x00
    INVALID_HYPERCALL_CODE = 0x02
    INVALID_HYPERCALL_INPUT = 0x03
    INVALID_ALIGNMENT = 0x04
    INVALID_PARAMETER = 0x05
    ACCESS_DENIED = 0x06
    INVALID_PARTITION_ID = 0x0D
    INVALID_VP_INDEX = 0x0E
    INVALID_PORT_ID = 0x11
    INVALID_CONNECTION_ID = 0x12
    INSUFFICIENT_BUFFERS = 0x13
    INVALID_VP_STATE = 0x15
    INVALID_REGISTER_VALUE = 0x50
    UNKNOWN_REGISTER_NAME = 0x87


class Refusal(Exception):
    """A hypercall ends here with ``status``; hv.tlfs.hypercalls turns it into the guest's registers."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status
