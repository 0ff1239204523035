"""Bad packets, and the numbers in good ones."""

_MOST_DIGITS = 16


class BadPacket(Exception):
    """The debugger sent something that makes no sense."""


def number(text: bytes) -> int:
    """Up to 64 bits in hexadecimal, digits only. BadPacket otherwise."""
    if not 0 < len(text) <= _MOST_DIGITS or not text.isalnum():
        raise BadPacket
    try:
        return int(text, 16)
    except ValueError:
        raise BadPacket from None


def numbers(text: bytes, separator: bytes, count: int) -> list[int]:
    """``count`` of them."""
    parts = text.split(separator)
    if len(parts) != count:
        raise BadPacket
    return [number(part) for part in parts]
