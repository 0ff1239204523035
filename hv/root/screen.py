"""A text screen for people: as plain text, as coloured text for a terminal, as a picture."""

from itertools import groupby
from pathlib import Path
from typing import Any

from hv.errors import ConfigError
from hv.root.screen_glyphs import CELL_HEIGHT, CELL_WIDTH, CHARACTERS, GlyphSheet, pillow
from hv_devices.emulated.vga_screen import Rgb, TextScreen

__all__ = ["TextScreen", "as_ansi", "as_text", "save_png"]

_RESET = "\x1b[0m"
_BLINK, _INVERSE = "5", "7"


def as_text(screen: TextScreen) -> str:
    """The characters alone; blanks at the ends of rows and rows at the end are dropped.

    What is in text memory counts, even while the display is off.
    """
    rows = [
        "".join(CHARACTERS[character] for character, _ in screen.row(index)).rstrip()
        for index in range(screen.rows)
    ]
    return "\n".join(rows).rstrip("\n")


def as_ansi(screen: TextScreen) -> str:
    """Every row in full, in 24-bit colour, the cursor in inverse video. Each row ends reset."""
    return "\n".join(_ansi_row(screen, index) for index in range(screen.rows))


def save_png(screen: TextScreen, path: Path, *, scale: int = 2) -> None:
    """A picture of 9 by 16 dots a cell times ``scale``. ConfigError without the extra ``plot``.

    Blinking characters and the cursor are caught lit; a display that is off is black.
    """
    sheet = GlyphSheet(scale)
    width, height = CELL_WIDTH * scale, CELL_HEIGHT * scale
    image = pillow("Image").new("RGB", (screen.columns * width, screen.rows * height))
    if not screen.blanked:
        for at, (character, attribute) in enumerate(screen.cells):
            row, column = divmod(at, screen.columns)
            left, top = column * width, row * height
            foreground, background = _rgb(screen, attribute)
            image.paste(background, (left, top, left + width, top + height))
            image.paste(foreground, (left, top), sheet.mask(character))
        _paint_cursor(image, screen, width, height)
    try:
        image.save(path, format="PNG")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error


def _rgb(screen: TextScreen, attribute: int) -> tuple[Rgb, Rgb]:
    foreground, background = screen.colours(attribute)
    return screen.palette[foreground], screen.palette[background]


def _paint_cursor(image: Any, screen: TextScreen, width: int, height: int) -> None:
    """The cursor's scan lines in the foreground of the cell below it."""
    if screen.cursor is None:
        return
    row, column = screen.cursor
    left, top = column * width, row * height
    first, last = screen.cursor_lines
    upper = top + first * height // screen.cell_height
    lower = top + (last + 1) * height // screen.cell_height
    foreground, _ = _rgb(screen, screen.row(row)[column][1])
    image.paste(foreground, (left, upper, left + width, lower))


def _ansi_row(screen: TextScreen, index: int) -> str:
    """One row, one escape sequence for every run of cells that look alike."""
    cursor_column = screen.cursor[1] if screen.cursor and screen.cursor[0] == index else None
    cells = [
        (character, attribute, column == cursor_column)
        for column, (character, attribute) in enumerate(screen.row(index))
    ]
    parts = []
    for (attribute, under_cursor), run in groupby(cells, key=lambda cell: cell[1:]):
        parts.append(_sgr(screen, attribute, under_cursor))
        parts += (CHARACTERS[character] for character, _, _ in run)
    return "".join(parts) + _RESET


def _sgr(screen: TextScreen, attribute: int, under_cursor: bool) -> str:
    """Select Graphic Rendition (ECMA-48, 8.3.117), from scratch."""
    foreground, background = _rgb(screen, attribute)
    codes = ["0", *map(str, (38, 2, *foreground, 48, 2, *background))]
    if screen.blinks(attribute):
        codes.append(_BLINK)
    if under_cursor:
        codes.append(_INVERSE)
    return f"\x1b[{';'.join(codes)}m"
