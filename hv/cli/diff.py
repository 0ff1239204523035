"""``hv diff``: do two results, comparisons or traces say the same, and where do they first differ?"""

from itertools import islice
from pathlib import Path

from hv.root.difference import changes, exit_changes, load

_MOST_PLACES = 10
_MOST_KINDS = 20


def diff(first: Path, second: Path) -> int:
    """Tell the first difference and a little of what follows; 0 when there is none, 1 otherwise."""
    one, other = load(first), load(second)
    found = list(islice(changes(one, other), _MOST_PLACES + 1))
    if not found:
        print(f"the same: {one.kind[2:]}s")
        return 0
    start, *more = found
    print(f"first difference: {start.path}: {start.first} became {start.second}")
    for change in more[: _MOST_PLACES - 1]:
        print(f"  then {change.path}: {change.first} became {change.second}")
    if len(found) > _MOST_PLACES:
        print("  and more")
    kinds = exit_changes(one, other)
    if kinds:
        print("exits, by largest change:")
    for kind in kinds[:_MOST_KINDS]:
        print(f"  {kind.second - kind.first:+,} {kind.name}: {kind.first:,} became {kind.second:,}")
    if len(kinds) > _MOST_KINDS:
        print(f"  and {len(kinds) - _MOST_KINDS} kinds more")
    return 1
