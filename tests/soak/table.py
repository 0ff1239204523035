"""Tables that grow while they are read."""

from collections.abc import Sequence


class Table:
    """Columns as wide as their heads; text to the left, numbers to the right."""

    def __init__(self, title: str, heads: Sequence[str], least: int = 9) -> None:
        self._widths = [max(least, len(head)) for head in heads]
        print(f"\n{title}\n", flush=True)
        self.row(*heads)

    def row(self, *cells: str) -> None:
        """One line."""
        padded = (
            cell.rjust(width) if _is_number(cell) else cell.ljust(width)
            for cell, width in zip(cells, self._widths, strict=True)
        )
        print("  " + "  ".join(padded).rstrip(), flush=True)

    def end(self, total: str) -> None:
        """What it comes to."""
        print(f"  {total}", flush=True)


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdigit()
