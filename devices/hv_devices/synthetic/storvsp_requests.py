"""EXECUTE_SRB: a command from a packet to a SCSI target, its data, and the answer.

Status codes as Linux's and FreeBSD's drivers read them: CHECK CONDITION is SRB status ERROR, with autosense
unless the guest wants to ask for it; a unit that is not there is INVALID_LUN with SCSI status GOOD; more
data than the guest has room for is DATA_OVERRUN. Requests are done one after the other, as they come.
"""

from hv.interfaces import Work, unmetered
from hv.vmbus.service import Channel, Packet

from .scsi_blocks import MAX_TRANSFER
from .scsi_device import Reply, Request
from .scsi_sense import Sense
from .scsi_target import ScsiTarget
from .storvsp_messages import (
    SCSI_CHECK_CONDITION,
    SRB_AUTOSENSE_VALID,
    Direction,
    NtStatus,
    ScsiRequest,
    SrbResult,
    SrbStatus,
    answer,
    fit_sense,
    srb_answer,
)

_OUT, _IN = Direction.OUT.value, Direction.IN.value

_NO_UNIT = SrbResult(NtStatus.DEVICE_DOES_NOT_EXIST, SrbStatus.INVALID_LUN)


def execute_srb(
    target: ScsiTarget, channel: Channel, packet: Packet, work: Work = unmetered
) -> bytes:
    """Do what the packet asks for; the completion's payload."""
    asked = ScsiRequest.parse(packet.payload)
    if asked is None:
        return answer(packet.payload, NtStatus.INVALID_PARAMETER)
    room = min(asked.transfer, MAX_TRANSFER, sum(one.byte_count for one in packet.ranges))
    data_out = b"" if asked.direction == _IN else channel.read(packet.ranges, room)
    reply = target.execute(asked.address, Request(asked.cdb, data_out))
    if reply is None:
        return srb_answer(packet.payload, _NO_UNIT)
    if reply.sense is not None:
        return srb_answer(packet.payload, _refused(target, asked, reply.sense))
    if asked.direction == _OUT:
        room = 0
    moved = channel.write(packet.ranges, reply.data[:room]) if reply.data else 0
    work(moved + reply.taken)
    return srb_answer(packet.payload, _done(reply, moved))


def refuse_srb(packet: Packet, status: NtStatus) -> bytes:
    """The answer to a request that is not even looked at."""
    if ScsiRequest.parse(packet.payload) is None:
        return answer(packet.payload, status)
    return srb_answer(packet.payload, SrbResult(status, SrbStatus.ERROR))


def _done(reply: Reply, moved: int) -> SrbResult:
    if moved < len(reply.data):
        return SrbResult(NtStatus.BUFFER_OVERFLOW, SrbStatus.DATA_OVERRUN, transferred=moved)
    return SrbResult(NtStatus.SUCCESS, SrbStatus.SUCCESS, transferred=moved + reply.taken)


def _refused(target: ScsiTarget, asked: ScsiRequest, sense: Sense) -> SrbResult:
    status = SrbStatus.ERROR.value
    shown = b""
    if asked.autosense:
        status |= SRB_AUTOSENSE_VALID
        shown = fit_sense(sense.fixed(), asked.sense_room)
    else:
        unit = target.unit(asked.address)
        if unit is not None:
            unit.keep(sense)
    return SrbResult(NtStatus.IO_DEVICE_ERROR, status, SCSI_CHECK_CONDITION, sense=shown)
