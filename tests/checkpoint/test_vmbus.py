"""The VMBus saved in every awkward state: what the guest does next has the same effect on the copy."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from hv.root.checkpoint import save_checkpoint
from tests.checkpoint.driver import (
    index,
    machine_of,
    moved,
    new_driver,
    offer_of,
    pass_time,
)
from tests.checkpoint.tools import restored
from tests.devices.ic_guest import IcGuest
from tests.vmbus.fake_guest import (
    CLOSE,
    GPADL_BODY,
    GPADL_HEADER,
    REQUEST_OFFERS,
    FakeGuest,
    GuestChannel,
)
from tests.vmbus.guest_ring import PENDING, READ, WRITE

HALF_BUILT = 0x77
SMALL_RING = 2
SECOND = 10**9

# States. Each leaves the driver there; channels stand under the names of their services.

Channels = dict[str, GuestChannel]


def connected(_guest: FakeGuest) -> Channels:
    """Contact was made, nothing asked for."""
    return {}


def message_slot_busy(guest: FakeGuest) -> Channels:
    """All offers were sent: one is in the slot, the others wait."""
    guest.post(REQUEST_OFFERS)
    synic = machine_of(guest).partition.hypervisor.inspect()["processors"][0]["synic"]
    assert synic["queued"][2] > 3
    return {}


def gpadl_half_built(guest: FakeGuest) -> Channels:
    """Of 40 pages the host has been told 26."""
    guest.request_offers()
    relid = offer_of(guest, "scsi").relid
    ranges = struct.pack("<II40Q", 40 * 4096, 0, *guest.pages(40))
    header = struct.pack("<IIHH", relid, HALF_BUILT, len(ranges), 1)
    guest.post(GPADL_HEADER, header + ranges[: 8 + 26 * 8])
    assert guest.poll() == []
    return {}


def open_channels(guest: FakeGuest) -> Channels:
    """Everything open, nothing under way."""
    guest.request_offers()
    known = machine_of(guest).synthetic.bus.channel_name
    return {known(offer.connection_id): guest.open(offer, SMALL_RING) for offer in guest.offers}


def negotiated(guest: FakeGuest) -> Channels:
    """The guest's driver for shutdowns is ready to be asked."""
    channels = open_channels(guest)
    driver = IcGuest.__new__(IcGuest)
    driver.guest, driver.channel = guest, channels["shutdown"]
    assert driver.choose((3, 0))
    return channels


def rings_full(guest: FakeGuest) -> Channels:
    """Answers that nobody takes fill one ring, then requests the other; the last were never signalled."""
    channels = open_channels(guest)
    channel = channels["scsi"]
    number = 0
    while channel.put(struct.pack("<HHHHQ", 6, 2, 10, 1, number) + bytes(64)):
        number += 1
    assert channel.incoming.used() > 3000
    assert channel.incoming.word(PENDING)
    return channels


def owed(guest: FakeGuest) -> Channels:
    """Requests wait in the ring, and the host has not been told."""
    channels = open_channels(guest)
    channels["scsi"].autosignal = False
    for _ in range(3):
        channels["scsi"].send(bytes(64), wants_completion=True)
    return channels


def broken(guest: FakeGuest) -> Channels:
    """The guest wrote nonsense into a ring's index."""
    channels = open_channels(guest)
    index(channels["scsi"].outgoing, WRITE, 3)
    channels["scsi"].signal()
    return channels


def broken_unnoticed(guest: FakeGuest) -> Channels:
    """The host met nonsense in its own time: the service does not know yet that its channel is gone."""
    channels = negotiated(guest)
    index(channels["shutdown"].incoming, READ, 5)
    machine = machine_of(guest)
    machine.synthetic.shutdown.request(reboot=False, reason="none")
    assert machine.synthetic.bus.parts()["vmbus.channels"].save().stopped
    return channels


def rescinded(guest: FakeGuest) -> Channels:
    """The host took a service back, the guest has not let go."""
    channels = open_channels(guest)
    machine = machine_of(guest)
    machine.synthetic.bus.rescind(machine.synthetic.mouse)
    return channels


def rescinded_and_offered_again(guest: FakeGuest) -> Channels:
    """The successor waits until the guest lets go."""
    channels = rescinded(guest)
    machine = machine_of(guest)
    machine.synthetic.bus.offer(machine.synthetic.mouse)
    return channels


def closed(guest: FakeGuest) -> Channels:
    """One channel was closed, its GPADL is still there."""
    channels = open_channels(guest)
    guest.post(CLOSE, struct.pack("<I", channels["scsi"].offer.relid))
    del channels["scsi"]
    return channels


STATES = (
    *(connected, message_slot_busy, gpadl_half_built, open_channels, negotiated),
    *(rings_full, owed),
    *(broken, broken_unnoticed, rescinded, rescinded_and_offered_again, closed),
)


def go_on(guest: FakeGuest, channels: Channels) -> list[object]:
    """All a driver could do next; what it saw."""
    machine = machine_of(guest)
    seen: list[object] = [guest.poll()]
    guest.post(GPADL_BODY, struct.pack("<II14Q", 0, HALF_BUILT, *range(100, 114)))
    machine.synthetic.keyboard.press("a")
    machine.synthetic.mouse.move_to(5, 6)
    machine.synthetic.shutdown.request(reboot=False, reason="over")
    pass_time(guest, 5 * SECOND)
    for channel in channels.values():
        channel.autosignal = True
        if known(guest, channel):
            channel.signal()
        seen.append(take(channel))
    guest.post(REQUEST_OFFERS)
    seen += [guest.poll(), machine.inspect("vmbus"), machine.inspect("hypervisor")]
    return seen


def known(guest: FakeGuest, channel: GuestChannel) -> bool:
    return any(offer.relid == channel.offer.relid for offer in guest.offers)


def take(channel: GuestChannel) -> object:
    """What the host has sent, unless the guest broke the ring itself."""
    if channel.incoming.word(READ) == 5:
        return "broken"
    return channel.receive_all()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_what_comes_next_is_the_same_on_the_copy(
    state: Callable[[FakeGuest], Channels], tmp_path: Path
) -> None:
    guest = new_driver()
    channels = state(guest)
    machine = machine_of(guest)
    again = restored(machine, tmp_path)
    assert again.inspect("vmbus") == machine.inspect("vmbus")
    twin, twins = moved((guest, channels), machine, again)
    assert go_on(twin, twins) == go_on(guest, channels)
    for number, one in enumerate((machine, again)):
        save_checkpoint(one, tmp_path / f"after{number}")
        one.close()
    assert (tmp_path / "after0").read_bytes() == (tmp_path / "after1").read_bytes()
