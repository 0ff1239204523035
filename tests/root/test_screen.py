"""A text screen as text, coloured text and picture."""

import importlib
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hv.errors import ConfigError
from hv.root.screen import as_ansi, as_text, save_png
from hv.root.screen_glyphs import BOX_ARMS, CHARACTERS, FIRST_BOX, drawn_boxes
from hv_devices.emulated.vga_screen import TextScreen

PALETTE = tuple((n, 2 * n, 3 * n) for n in range(16))
CELL = (9, 16)


def screen(*rows: str | bytes, attribute: int = 0x07, **fields: Any) -> TextScreen:
    """A screen ten columns wide with these rows."""
    cells: list[tuple[int, int]] = []
    for row in rows:
        data = row.encode("cp437") if isinstance(row, str) else row
        cells += [(character, attribute) for character in data.ljust(10)]
    defaults: dict[str, Any] = {"cursor": None, "palette": PALETTE}
    return TextScreen(columns=10, rows=len(rows), cells=tuple(cells), **(defaults | fields))


# Text


def test_text_drops_blanks_at_the_ends_only() -> None:
    assert as_text(screen("", "  ab c", "", "d", "", "")) == "\n  ab c\n\nd"


def test_an_empty_screen_is_no_text() -> None:
    assert as_text(screen("", "")) == ""


def test_text_shows_what_the_pc_shows_for_every_code() -> None:
    assert len(CHARACTERS) == 256
    assert len(set(CHARACTERS)) == 254  # 00h, 20h and FFh are blank
    assert as_text(screen(b"\x01\x0d\x1b\x7f")) == "☺♪←⌂"
    assert as_text(screen(b"\x80\xc9\xcd\xbb\xb0\xdb\xe1\xff")) == "Ç╔═╗░█ß"
    assert not any(unicodedata.category(character).startswith("C") for character in CHARACTERS)


# Terminal


def test_ansi_colours_each_run_from_scratch_and_ends_each_row() -> None:
    assert as_ansi(screen("ab", attribute=0x1E)) == (
        "\x1b[0;38;2;14;28;42;48;2;1;2;3mab        \x1b[0m"
    )
    assert as_ansi(screen("a", "b")).count("\x1b[0m") == 2


def test_ansi_inverts_the_cell_under_the_cursor() -> None:
    text = as_ansi(screen("abc", cursor=(0, 1)))
    colours = "\x1b[0;38;2;7;14;21;48;2;0;0;0"
    assert text == f"{colours}ma{colours};7mb{colours}mc       \x1b[0m"


def test_ansi_blinks_or_brightens_as_the_screen_says() -> None:
    blinking = as_ansi(screen("a", attribute=0x97))
    assert ";48;2;1;2;3;5m" in blinking
    bright = as_ansi(screen("a", attribute=0x97, blink=False))
    assert ";48;2;9;18;27m" in bright


def test_guest_text_cannot_smuggle_terminal_commands() -> None:
    everything = TextScreen(
        columns=256,
        rows=1,
        cells=tuple((code, 0x07) for code in range(256)),
        cursor=None,
        palette=PALETTE,
    )
    assert as_ansi(everything).count("\x1b") == 2
    assert "\x1b" not in as_text(everything)


# Lines and blocks


def arms_by_name(character: str) -> str:
    """What Unicode's name of a box drawing character says of its lines."""
    weights = {"LIGHT": "1", "SINGLE": "1", "DOUBLE": "2"}
    sides = {
        "UP": (0,),
        "RIGHT": (1,),
        "DOWN": (2,),
        "LEFT": (3,),
        "VERTICAL": (0, 2),
        "HORIZONTAL": (1, 3),
    }
    arms = ["0"] * 4
    words = unicodedata.name(character).removeprefix("BOX DRAWINGS ").split(" AND ")
    common = next((weights[w] for w in words[0].split()[:1] if w in weights), "")
    for part in words:
        weight = next((weights[word] for word in part.split() if word in weights), common)
        for word in part.split():
            for side in sides.get(word, ()):
                arms[side] = weight
    return "".join(arms)


def test_box_characters_have_the_lines_that_unicode_names() -> None:
    for code, arms in enumerate(BOX_ARMS, FIRST_BOX):
        assert arms == arms_by_name(CHARACTERS[code]), CHARACTERS[code]


def picture(character: str) -> list[str]:
    """A drawn character as rows of dots."""
    boxes = drawn_boxes(character.encode("cp437")[0])
    assert boxes is not None
    rows = [[" "] * CELL[0] for _ in range(CELL[1])]
    for left, top, right, bottom in boxes:
        for y in range(top, bottom):
            rows[y][left:right] = "#" * (right - left)
    return ["".join(row) for row in rows]


def test_lines_reach_the_edges_that_their_neighbours_start_from() -> None:
    for code, arms in enumerate(BOX_ARMS, FIRST_BOX):
        dots = picture(CHARACTERS[code])
        edges = (
            dots[0],
            "".join(row[-1] for row in dots),
            dots[-1],
            "".join(row[0] for row in dots),
        )
        assert [edge.count("#") for edge in edges] == [int(weight) for weight in arms]


def test_double_lines_cross_without_closing() -> None:
    assert picture("╬")[5:10] == [
        "   # #   ",
        "#### ####",
        "         ",
        "#### ####",
        "   # #   ",
    ]
    assert picture("╗")[5:10] == [
        "         ",
        "######   ",
        "     #   ",
        "#### #   ",
        "   # #   ",
    ]


def test_single_and_double_lines_join() -> None:
    assert picture("╢")[6:9] == ["   # #   ", "#### #   ", "   # #   "]
    assert picture("╕")[5:10] == ["         ", "#####    ", "    #    ", "#####    ", "    #    "]


def test_letters_are_left_to_the_font() -> None:
    assert drawn_boxes(ord("A")) is None


# Pictures


def test_a_picture_without_pillow_is_the_users_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ConfigError, match="plot"):
        save_png(screen("a"), tmp_path / "screen.png")


@pytest.fixture
def load() -> Callable[[Path], Any]:
    """Opens a PNG."""
    pillow_image = importlib.import_module("PIL.Image")

    def load_image(path: Path) -> Any:
        with pillow_image.open(path) as image:
            return image.copy()

    return load_image


def test_a_picture_has_nine_by_sixteen_dots_a_cell(
    load: Callable[[Path], Any], tmp_path: Path
) -> None:
    path = tmp_path / "screen.png"
    save_png(screen("a", "b"), path, scale=1)
    assert load(path).size == (90, 32)
    save_png(screen("a", "b"), path, scale=3)
    assert load(path).size == (270, 96)


def test_a_picture_shows_colours_blocks_and_letters(
    load: Callable[[Path], Any], tmp_path: Path
) -> None:
    path = tmp_path / "screen.png"
    save_png(screen("█▄ M", attribute=0x1E), path, scale=1)
    image = load(path)
    yellow, blue = PALETTE[14], PALETTE[1]
    assert image.getpixel((4, 4)) == yellow
    assert image.getpixel((9 + 4, 4)) == blue
    assert image.getpixel((9 + 4, 12)) == yellow
    assert image.crop((18, 0, 27, 16)).getcolors() == [(9 * 16, blue)]
    assert len(image.crop((27, 0, 36, 16)).getcolors()) > 2


def test_a_picture_has_the_cursor_on_its_lines(load: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    save_png(screen("", cursor=(0, 2)), path, scale=1)
    image = load(path)
    lit = [y for y in range(16) if image.getpixel((20, y)) == PALETTE[7]]
    assert lit == [13, 14]
    assert image.getpixel((27, 13)) == (0, 0, 0)


def test_a_display_that_is_off_is_black(load: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "screen.png"
    save_png(screen("███", blanked=True), path, scale=1)
    assert load(path).getcolors() == [(90 * 16, (0, 0, 0))]


def test_the_same_screen_is_the_same_file(load: Callable[[Path], Any], tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        save_png(screen("hello", cursor=(0, 5)), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_path_that_cannot_be_written_is_the_users_error(
    load: Callable[[Path], Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        save_png(screen("a"), tmp_path / "nowhere" / "screen.png")
