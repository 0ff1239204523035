"""What the mouse tells of itself as a HID device: report descriptor, HID descriptor, attributes.

After the USB Device Class Definition for Human Interface Devices 1.11, 6.2.1 and 6.2.2, and the HID Usage
Tables 1.12, 4 and 12. The attributes are those of Hyper-V's mouse; Linux knows the device by them.
Left out: long items, and items that this mouse does not need.
"""

from enum import IntEnum
from struct import Struct


class Item(IntEnum):
    """Prefixes of short items with no data; the two low bits hold its size (6.2.2.2)."""

    USAGE_PAGE = 0x04
    USAGE = 0x08
    LOGICAL_MINIMUM = 0x14
    USAGE_MINIMUM = 0x18
    LOGICAL_MAXIMUM = 0x24
    USAGE_MAXIMUM = 0x28
    REPORT_SIZE = 0x74
    INPUT = 0x80
    REPORT_COUNT = 0x94
    COLLECTION = 0xA0
    END_COLLECTION = 0xC0


class Collection(IntEnum):
    PHYSICAL = 0
    APPLICATION = 1


class Input(IntEnum):
    """Main item flags that make sense here (6.2.2.5)."""

    PADDING = 0x01
    ABSOLUTE = 0x02
    RELATIVE = 0x06


class Page(IntEnum):
    GENERIC_DESKTOP = 1
    BUTTON = 9


class Usage(IntEnum):
    """Of the generic desktop page."""

    POINTER = 0x01
    MOUSE = 0x02
    X = 0x30
    Y = 0x31
    WHEEL = 0x38


BUTTONS = 5
AXIS_MAX = 0x7FFF
WHEEL_MAX = 127

REPORT = Struct("<BHHb")
"""Buttons, x, y, wheel: what the descriptor below describes."""


def _item(prefix: Item, value: int | None = None) -> bytes:
    """A short item with as little data as ``value`` needs; the logical bounds are signed."""
    if value is None:
        return bytes([prefix])
    signed = prefix in (Item.LOGICAL_MINIMUM, Item.LOGICAL_MAXIMUM)
    wide = not (-0x80 <= value <= 0x7F if signed else value <= 0xFF)
    size = 2 if wide else 1
    return bytes([prefix | size]) + value.to_bytes(size, "little", signed=signed)


def _field(low: int, high: int, bits: int, count: int, kind: Input) -> bytes:
    """``count`` numbers of ``bits`` each."""
    return b"".join(
        (
            _item(Item.LOGICAL_MINIMUM, low),
            _item(Item.LOGICAL_MAXIMUM, high),
            _item(Item.REPORT_SIZE, bits),
            _item(Item.REPORT_COUNT, count),
            _item(Item.INPUT, kind),
        )
    )


# Linux takes byte 14 for a known mistake of old hosts when it is 0x25: here it must be a usage maximum.
REPORT_DESCRIPTOR = b"".join(
    (
        _item(Item.USAGE_PAGE, Page.GENERIC_DESKTOP),
        _item(Item.USAGE, Usage.MOUSE),
        _item(Item.COLLECTION, Collection.APPLICATION),
        _item(Item.USAGE, Usage.POINTER),
        _item(Item.COLLECTION, Collection.PHYSICAL),
        _item(Item.USAGE_PAGE, Page.BUTTON),
        _item(Item.USAGE_MINIMUM, 1),
        _item(Item.USAGE_MAXIMUM, BUTTONS),
        _field(0, 1, bits=1, count=BUTTONS, kind=Input.ABSOLUTE),
        _field(0, 1, bits=8 - BUTTONS, count=1, kind=Input.PADDING),
        _item(Item.USAGE_PAGE, Page.GENERIC_DESKTOP),
        _item(Item.USAGE, Usage.X),
        _item(Item.USAGE, Usage.Y),
        _field(0, AXIS_MAX, bits=16, count=2, kind=Input.ABSOLUTE),
        _item(Item.USAGE, Usage.WHEEL),
        _field(-WHEEL_MAX, WHEEL_MAX, bits=8, count=1, kind=Input.RELATIVE),
        _item(Item.END_COLLECTION),
        _item(Item.END_COLLECTION),
    )
)

_HID = Struct("<BBHBBBH")
_HID_TYPE, _REPORT_TYPE = 0x21, 0x22
_HID_RELEASE = 0x0101
_NO_COUNTRY = 0

HID_DESCRIPTOR = _HID.pack(
    _HID.size, _HID_TYPE, _HID_RELEASE, _NO_COUNTRY, 1, _REPORT_TYPE, len(REPORT_DESCRIPTOR)
)

_ATTRIBUTES = Struct("<IHHH22x")
_VENDOR_MICROSOFT, _PRODUCT, _PRODUCT_VERSION = 0x045E, 0x0621, 0x0001

DEVICE_ATTRIBUTES = _ATTRIBUTES.pack(
    _ATTRIBUTES.size, _VENDOR_MICROSOFT, _PRODUCT, _PRODUCT_VERSION
)
