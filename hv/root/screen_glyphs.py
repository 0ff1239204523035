"""The characters of a PC's screen: code page 437 in Unicode, and pictures of them.

Letters come from DejaVu Sans Mono, which matplotlib ships; lines, blocks and shades are drawn, so
that they meet across cells at every size.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hv.errors import ConfigError

_CONTROLS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
_NEEDS_PLOT = "a picture of the screen needs the extra 'plot': pip install 'hv-emulator[plot]'"


def _characters() -> tuple[str, ...]:
    """By code: the code page as Unicode knows it, and what the PC shows for control characters."""
    characters = list(bytes(range(256)).decode("cp437"))
    characters[: len(_CONTROLS)] = _CONTROLS
    characters[0x7F] = "⌂"
    characters[0xFF] = " "
    return tuple(characters)


CHARACTERS = _characters()

CELL_WIDTH, CELL_HEIGHT = 9, 16
_BASELINE = 13
_FONT_SIZE = 14
"""The largest at which accents on capitals, 0.93 em above the baseline, still fit."""

_CENTRE_X, _CENTRE_Y = 4, 7
"""The dot where single lines run; double ones run on both sides of it."""

FIRST_BOX = 0xB3
# fmt: off
BOX_ARMS = (
                        "1010", "1011", "1012", "2021", "0021",  # B3h
    "0012", "2022", "2020", "0022", "2002", "2001", "1002", "0011",  # B8h
    "1100", "1101", "0111", "1110", "0101", "1111", "1210", "2120",  # C0h
    "2200", "0220", "2202", "0222", "2220", "0202", "2222", "1202",  # C8h
    "2101", "0212", "0121", "2100", "1200", "0210", "0120", "2121",  # D0h
    "1212", "1001", "0110",  # D8h
)
# fmt: on
"""Lines to the top, right, bottom and left edge: none, single, double."""

_BLOCKS: dict[int, tuple[int, int, int, int]] = {
    0xDB: (0, 0, CELL_WIDTH, CELL_HEIGHT),
    0xDC: (0, CELL_HEIGHT // 2, CELL_WIDTH, CELL_HEIGHT),
    0xDD: (0, 0, CELL_WIDTH // 2, CELL_HEIGHT),
    0xDE: (CELL_WIDTH // 2, 0, CELL_WIDTH, CELL_HEIGHT),
    0xDF: (0, 0, CELL_WIDTH, CELL_HEIGHT // 2),
}
_SHADES = {0xB0: 0x40, 0xB1: 0x80, 0xB2: 0xC0}

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in dots; the last two are outside."""


def pillow(module: str) -> Any:
    """A module of Pillow, which only pictures need."""
    try:
        return import_module(f"PIL.{module}")
    except ImportError:
        raise ConfigError(_NEEDS_PLOT) from None


class GlyphSheet:
    """Pictures of the characters at one size, drawn as they are asked for."""

    def __init__(self, scale: int) -> None:
        self._scale = scale
        self._image = pillow("Image")
        self._draw = pillow("ImageDraw")
        self._font = pillow("ImageFont").truetype(str(_font_file()), _FONT_SIZE * scale)
        self._masks: dict[int, Any] = {}

    def mask(self, character: int) -> Any:
        """A greyscale image of one cell: how much foreground each dot gets."""
        if character not in self._masks:
            self._masks[character] = self._paint(character)
        return self._masks[character]

    def _paint(self, character: int) -> Any:
        scale = self._scale
        mask = self._image.new("L", (CELL_WIDTH * scale, CELL_HEIGHT * scale))
        if character in _SHADES:
            mask.paste(_SHADES[character], (0, 0, *mask.size))
        elif (boxes := drawn_boxes(character)) is not None:
            for box in boxes:
                mask.paste(0xFF, tuple(scale * dot for dot in box))
        else:
            draw = self._draw.Draw(mask)
            at = (mask.width // 2, _BASELINE * scale)
            draw.text(at, CHARACTERS[character], font=self._font, fill=0xFF, anchor="ms")
        return mask


def drawn_boxes(character: int) -> list[Box] | None:
    """The rectangles that make up a line or block character; None for one that the font draws."""
    if character in _BLOCKS:
        return [_BLOCKS[character]]
    if FIRST_BOX <= character < FIRST_BOX + len(BOX_ARMS):
        arms = [int(weight) for weight in BOX_ARMS[character - FIRST_BOX]]
        return [box for direction in range(4) for box in _arm(arms, direction)]
    return None


def _arm(arms: list[int], direction: int) -> list[Box]:
    """The lines from one edge (0 top, then clockwise) to the middle, one dot wide."""
    sides: tuple[int, ...] = ((), (0,), (-1, 1))[arms[direction]]
    boxes = []
    for side in sides:
        reach = _reach(arms, direction, side)
        if direction in (0, 2):
            across = _CENTRE_X + side
            end = _CENTRE_Y + reach if direction == 0 else _CENTRE_Y - reach
            top, bottom = (0, end + 1) if direction == 0 else (end, CELL_HEIGHT)
            boxes.append((across, top, across + 1, bottom))
        else:
            across = _CENTRE_Y + side
            end = _CENTRE_X + reach if direction == 3 else _CENTRE_X - reach
            left, right = (0, end + 1) if direction == 3 else (end, CELL_WIDTH)
            boxes.append((left, across, right, across + 1))
    return boxes


def _reach(arms: list[int], direction: int, side: int) -> int:
    """How far beyond the centre a line runs: -1, 0 or 1 dots. ``side`` is -1 for left or upper.

    Only a double line across makes a difference: a line stops at its near line where it opens
    towards this one, and goes on to the far line to make a corner.
    """
    first, second = (3, 1) if direction in (0, 2) else (0, 2)  # across: left, right or up, down
    before, after = arms[first], arms[second]
    if max(before, after) < 2:
        return 0
    if side:
        return -1 if (before if side < 0 else after) == 2 else 1
    if arms[direction ^ 2]:
        return 0
    return -1 if before and after else 1


def _font_file() -> Path:
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ConfigError(_NEEDS_PLOT)
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSansMono.ttf"
