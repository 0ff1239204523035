"""Golden files: what a test's run was like when somebody last looked at it and said yes.

One file a test, in ``__hv__`` beside its manifest or module, or in one folder for all: JSON with sorted
keys, exits by reason, the serial text as a list of lines. Host, versions and paths are not in it.
"""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hv.testing.guest_run import GuestRun

FOLDER = "__hv__"
SCHEMA = "hv.golden/1"
_MOST_LINES = 12
_COUNTED = ("outcome", "exit_code", "guest_code", "insns", "cycles", "vtime_ns", "state_hash")


def golden_path(source: Path, name: str, root: Path, folder: str = "") -> Path:
    """Where the golden file of a test lies: below ``folder`` the folders are those of ``root``."""
    safe = "".join(c if c.isalnum() or c in "-_.=," else "_" for c in name)
    stem = source.name.removesuffix(source.suffix).removesuffix(".hvtest")
    beside = source.parent
    if folder and beside.is_relative_to(root):
        return root / folder / beside.relative_to(root) / f"{stem}.{safe}.json"
    return beside / FOLDER / f"{stem}.{safe}.json"


def golden_document(run: GuestRun) -> dict[str, Any]:
    """What of a run is kept."""
    result = run.result
    exits: dict[str, dict[str, int]] = {}
    for row in result["exits"]:
        reason = exits.setdefault(row["reason"], {})
        key = " ".join(word for word in (row["device"], row["target"], f"/{row['width']}") if word)
        reason[key] = reason.get(key, 0) + row["count"]
    return {
        "schema": SCHEMA,
        **{name: result[name] for name in _COUNTED},
        "exits": exits,
        "work": {f"{row['device']} {row['kind']}": row["requests"] for row in result["work"]},
        "marks": [[mark["id"], mark["insns"]] for mark in result["marks"]],
        "post": bytes(run.post_codes).hex(" "),
        "serial": run.serial.split("\n"),
    }


def golden_text(document: Mapping[str, Any]) -> str:
    """The bytes of the file: the same for the same run."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def compare_golden(path: Path, document: Mapping[str, Any]) -> list[str]:
    """The differences, largest first; empty when there are none."""
    if not path.is_file():
        return [f"golden: there is no {path.name} yet"]
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return [f"golden: {path.name} cannot be read: {error}"]
    if not isinstance(old, dict) or old.get("schema") != SCHEMA:
        return [f"golden: {path.name} is no {SCHEMA}"]
    ours = json.loads(golden_text(document))
    return [] if old == ours else _differences(old, ours)


def update_golden(path: Path, document: Mapping[str, Any]) -> bool:
    """Write the file if it is not what it should be; whether that was needed."""
    text = golden_text(document)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    if old.get("serial") != new["serial"]:
        lines.extend(_serial_differences(old.get("serial"), new["serial"]))
    numbers = _numbers(old), _numbers(new)
    changes = [
        (abs(_as_int(now) - _as_int(was)), name, was, now)
        for name in sorted(numbers[0].keys() | numbers[1].keys())
        if (was := numbers[0].get(name)) != (now := numbers[1].get(name))
    ]
    changes.sort(key=lambda change: (-change[0], change[1]))
    lines.extend(
        f"golden: {name}: {_show(was, now)}" for _, name, was, now in changes[:_MOST_LINES]
    )
    if len(changes) > _MOST_LINES:
        lines.append(f"golden: and {len(changes) - _MOST_LINES} smaller differences")
    return lines or ["golden: the files differ in what is not compared one by one"]


def _serial_differences(old: Any, new: list[str]) -> list[str]:
    was = [str(line) for line in old] if isinstance(old, list) else []
    diff = list(difflib.unified_diff(was, new, "golden", "now", lineterm="", n=1))[2:]
    shown = [f"    {_printable(line)}" for line in diff[:_MOST_LINES]]
    if len(diff) > _MOST_LINES:
        shown.append(f"    ... {len(diff) - _MOST_LINES} lines more")
    return ["golden: the serial text differs (- golden, + now):", *shown]


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _numbers(document: Mapping[str, Any]) -> dict[str, Any]:
    """Everything but the serial text, two levels deep."""
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            for key, item in value.items():
                rows = item if isinstance(item, dict) else {"": item}
                flat.update(
                    {f"{name}: {key} {row}".rstrip(): number for row, number in rows.items()}
                )
        elif name != "serial":
            flat[name] = value
    return flat


def _as_int(value: Any) -> int:
    """For ordering by size: what is no number comes first."""
    if value is None:
        return 0
    return value if isinstance(value, int) else 1 << 62


def _show(was: Any, now: Any) -> str:
    if isinstance(was, int) and isinstance(now, int):
        return f"{was:,} -> {now:,} ({now - was:+,})"
    return f"{_short(was)} -> {_short(now)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
