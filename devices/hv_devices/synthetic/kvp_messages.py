"""Bodies of key-value pair (KVP) exchange messages.

Follows what Linux publishes (include/uapi/linux/hyperv.h: hv_kvp_msg, hv_kvp_ip_msg). Strings are UTF-16 with
a terminator, sizes are bytes and count it. Requests are always as long as the longest of their kind, so
that a guest can answer in place. Left out: numbers as values to send (they are read, as their digits),
and the binary form of addresses of version 5.0.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct


class Operation(IntEnum):
    GET = 0
    SET = 1
    DELETE = 2
    ENUMERATE = 3
    GET_IP_INFO = 4
    SET_IP_INFO = 5


class Pool(IntEnum):
    """Who writes and who reads; the guest keeps all of them."""

    EXTERNAL = 0
    """From the host, for programs in the guest."""
    GUEST = 1
    """From programs in the guest, for the host."""
    AUTO = 2
    """What the guest's operating system says about itself."""
    AUTO_EXTERNAL = 3
    """What the host says about itself and the machine."""


class ValueType(IntEnum):
    """Registry types of Windows."""

    STRING = 1
    EXPAND_STRING = 2
    U32 = 4
    U64_OF_LINUX = 8
    U64 = 11


class Family(IntFlag):
    """Kinds of addresses of an adapter."""

    IPV4 = 1 << 0
    IPV6 = 1 << 1


KEY_BYTES, VALUE_BYTES = 0x200, 0x800
_TERMINATOR = 2

_HEADER = Struct("<BBxx")  # operation, pool
_DATA = Struct(f"<III{KEY_BYTES}s{VALUE_BYTES}s")  # value type, key size, value size, key, value
_KEY = Struct(f"<I{KEY_BYTES}s")
_INDEX = Struct("<I")
_BODY_SIZE = _HEADER.size + _INDEX.size + _DATA.size

# Operation, pool, adapter, family, DHCP, addresses, subnets, gateways, name servers.
_IP_INFO = Struct("<BB256sBB2048s2048s1024s2048s")
_IP_SEPARATOR = ";"
_U32, _U64 = Struct("<I"), Struct("<Q")

_NUMBERS = {
    ValueType.U32.value: _U32,
    ValueType.U64_OF_LINUX.value: _U64,
    ValueType.U64.value: _U64,
}
_STRINGS = (ValueType.STRING.value, ValueType.EXPAND_STRING.value)


@dataclass(frozen=True, slots=True)
class IpInfo:
    """Addresses of the network adapter with instance GUID ``adapter`` ("{...}")."""

    adapter: str
    family: Family = Family.IPV4
    dhcp: bool = False
    addresses: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    name_servers: tuple[str, ...] = ()


def get(pool: Pool, key: str) -> bytes:
    return _body(Operation.GET, pool, _data(key, None))


def set_value(pool: Pool, key: str, value: str) -> bytes:
    return _body(Operation.SET, pool, _data(key, value))


def delete(pool: Pool, key: str) -> bytes:
    text = _text(key, KEY_BYTES)
    return _body(Operation.DELETE, pool, _KEY.pack(len(text), text))


def enumerate_item(pool: Pool, index: int) -> bytes:
    return _body(Operation.ENUMERATE, pool, _INDEX.pack(index))


def get_ip_info(adapter: str) -> bytes:
    return _ip_info(Operation.GET_IP_INFO, IpInfo(adapter))


def set_ip_info(info: IpInfo) -> bytes:
    return _ip_info(Operation.SET_IP_INFO, info)


def parse_get(body: bytes) -> str | None:
    """The value in an answer to ``get``; None when there is none that can be read."""
    item = _parse_data(body, _HEADER.size)
    return item[1] if item else None


def parse_enumerate(body: bytes) -> tuple[str, str] | None:
    """Key and value in an answer to ``enumerate_item``."""
    return _parse_data(body, _HEADER.size + _INDEX.size)


def parse_ip_info(body: bytes) -> IpInfo | None:
    """The addresses in an answer to ``get_ip_info``."""
    if len(body) < _IP_INFO.size:
        return None
    _, _, adapter, family, dhcp, *lists = _IP_INFO.unpack_from(body)
    addresses, subnets, gateways, name_servers = (_split(_string(one)) for one in lists)
    return IpInfo(
        _string(adapter),
        Family(family & int(Family.IPV4 | Family.IPV6)),
        bool(dhcp),
        addresses,
        subnets,
        gateways,
        name_servers,
    )


def _body(operation: Operation, pool: Pool, rest: bytes) -> bytes:
    return (_HEADER.pack(operation, pool) + rest).ljust(_BODY_SIZE, b"\0")


def _data(key: str, value: str | None) -> bytes:
    """The part with a key and, unless the guest is to fill it in, a value."""
    name = _text(key, KEY_BYTES)
    text = b"" if value is None else _text(value, VALUE_BYTES)
    return _DATA.pack(ValueType.STRING, len(name), len(text), name, text)


def _ip_info(operation: Operation, info: IpInfo) -> bytes:
    lists = (info.addresses, info.subnets, info.gateways, info.name_servers)
    addresses, subnets, gateways, name_servers = (_IP_SEPARATOR.join(one) for one in lists)
    return _IP_INFO.pack(
        operation,
        Pool.GUEST,
        _text(info.adapter, 256),
        info.family,
        info.dhcp,
        _text(addresses, 2048),
        _text(subnets, 2048),
        _text(gateways, 1024),
        _text(name_servers, 2048),
    )


def _text(text: str, room: int) -> bytes:
    """``text`` as the guest reads it. ValueError when that cannot be."""
    encoded = (text + "\0").encode("utf-16-le")
    if len(encoded) > room or "\0" in text:
        raise ValueError(f"{text[:40]!r} has no place in {room // _TERMINATOR} UTF-16 units")
    return encoded


def _parse_data(body: bytes, at: int) -> tuple[str, str] | None:
    if len(body) < at + _DATA.size:
        return None
    value_type, key_size, value_size, key, value = _DATA.unpack_from(body, at)
    number = _NUMBERS.get(value_type)
    if number is not None:
        text = str(number.unpack_from(value)[0])
    elif value_type in _STRINGS:
        text = _string(value[:value_size])
    else:
        return None
    return _string(key[:key_size]), text


def _string(units: bytes) -> str:
    """A string of the guest's, up to its terminator; what is no UTF-16 in it is replaced."""
    whole = units.decode("utf-16-le", errors="replace")
    return whole.partition("\0")[0]


def _split(text: str) -> tuple[str, ...]:
    return tuple(one for one in text.split(_IP_SEPARATOR) if one)
