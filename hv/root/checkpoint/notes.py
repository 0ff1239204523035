"""What a checkpoint keeps beside the state: the image's symbols, and what the host remembers of the run."""

from itertools import pairwise

import msgspec

from hv.loaders import Symbols, SymbolTable

_MOST_SYMBOLS = 1 << 20
_LONGEST_NAME = 1 << 12
_ADDRESSES = range(1 << 64)
_ENDS = range((1 << 64) + 1)


class SavedSymbols(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A symbol table: addresses in ascending order, each with its name, and further names."""

    addresses: list[int]
    names: list[str]
    end: int
    aliases: dict[str, int]


class Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the host of a machine remembers of its run."""

    seen: int = 0
    """Bytes of COM1's text behind which the next match is looked for."""
    reports: tuple[str, ...] = ()
    """What planned deeds brought."""


def save_symbols(table: SymbolTable) -> SavedSymbols:
    """``table`` as data, as many names as a checkpoint may hold."""
    names = list(table.functions.items())[:_MOST_SYMBOLS]
    aliases = list(table.content.aliases.items())[: _MOST_SYMBOLS - len(names)]
    return SavedSymbols(
        addresses=[at for at, _ in names],
        names=[name[:_LONGEST_NAME] for _, name in names],
        end=table.content.end,
        aliases={name[:_LONGEST_NAME]: at for name, at in aliases},
    )


def load_symbols(saved: SavedSymbols) -> SymbolTable:
    """The table. ValueError for what ``save_symbols`` would not have written."""
    addresses, names, aliases = saved.addresses, saved.names, saved.aliases
    if len(addresses) != len(names) or len(names) + len(aliases) > _MOST_SYMBOLS:
        raise ValueError(f"{len(names)} names for {len(addresses)} symbols")
    if any(len(name) > _LONGEST_NAME for name in (*names, *aliases)):
        raise ValueError("a symbol's name is too long")
    if any(at not in _ADDRESSES for at in (*addresses, *aliases.values())):
        raise ValueError("a symbol's address is none")
    if any(after <= before for before, after in pairwise(addresses)) or saved.end not in _ENDS:
        raise ValueError("its symbols are not in order")
    symbols = Symbols(dict(zip(addresses, names, strict=True)), saved.end, aliases)
    return SymbolTable(lambda: symbols)


def check_notes(notes: Notes, serial: int) -> None:
    """ValueError when they are not of a machine that has sent ``serial`` bytes."""
    if not 0 <= notes.seen <= serial:
        raise ValueError(f"{notes.seen} of {serial} bytes of text were seen")
