"""How a service's offer looks to the guest."""

from .messages import (
    DEDICATED_INTERRUPT,
    MONITOR_UNUSED,
    PIPE_MODE_MESSAGE,
    USER_DATA,
    OfferChannel,
    OfferFlags,
)
from .service import Offer

_PIPE_MODE = PIPE_MODE_MESSAGE.to_bytes(4, "little")


def user_defined(offer: Offer) -> bytes:
    """The 120 bytes that are the service's own; a pipe's mode comes first. ValueError: too many."""
    data = (_PIPE_MODE if offer.pipe else b"") + offer.user_data
    if len(data) > USER_DATA:
        raise ValueError(f"{offer.name}: {len(data)} bytes of user data, {USER_DATA} are possible")
    return data


def offer_message(offer: Offer, relid: int, connection_id: int) -> OfferChannel:
    """No monitor page, an interrupt of its own."""
    flags = OfferFlags.NAMED_PIPE_MODE if offer.pipe else OfferFlags.ENUMERATE_DEVICE_INTERFACE
    return OfferChannel(
        interface=offer.interface.bytes_le,
        instance=offer.instance.bytes_le,
        flags=flags,
        mmio_megabytes=offer.mmio_megabytes,
        user_data=user_defined(offer),
        sub_channel=offer.sub_channel,
        mmio_megabytes_optional=0,
        relid=relid,
        monitor_id=MONITOR_UNUSED,
        monitor_allocated=0,
        interrupt=DEDICATED_INTERRUPT,
        connection_id=connection_id,
    )
