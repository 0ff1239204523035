"""A text screen at one moment, as the person before it sees it: plain data for whoever draws it."""

from dataclasses import dataclass

Rgb = tuple[int, int, int]
"""Red, green, blue, 0 to 255 each."""


@dataclass(frozen=True, slots=True)
class TextScreen:
    """What a text mode shows."""

    columns: int
    rows: int
    cells: tuple[tuple[int, int], ...]
    """(code page 437 character, attribute) row by row, from the top left."""
    cursor: tuple[int, int] | None
    """(row, column), or None when it is off or outside."""
    palette: tuple[Rgb, ...]
    """The sixteen colours an attribute's nibbles choose from."""
    cursor_lines: tuple[int, int] = (13, 14)
    """First and last scan line of the cursor within its cell."""
    cell_height: int = 16
    """Scan lines of a cell."""
    blink: bool = True
    """Attribute bit 7 blinks the character; otherwise it makes the background bright."""
    blanked: bool = False
    """The display is off, or shows something other than text."""

    def row(self, index: int) -> tuple[tuple[int, int], ...]:
        """The cells of one row."""
        return self.cells[index * self.columns : (index + 1) * self.columns]

    def colours(self, attribute: int) -> tuple[int, int]:
        """Palette indices of foreground and background."""
        background = attribute >> 4
        return attribute & 0x0F, background & 0x07 if self.blink else background

    def blinks(self, attribute: int) -> bool:
        return self.blink and attribute >= 0x80
