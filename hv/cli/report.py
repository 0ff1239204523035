"""What is said about a finished run: one line, files. The tables are in ``hv.cli.run_tables``."""

import sys
from pathlib import Path

from hv.errors import ConfigError
from hv.root.result import Result, to_csv, to_json


def print_end(result: Result) -> None:
    """One line on stderr: how it ended and what it took."""
    code = f" {result.guest_code}" if result.guest_code else ""
    detail = f": {result.detail}" if result.detail else ""
    print(
        f"hv: {result.outcome}{code}{detail} "
        f"({result.insns:,} instructions, {result.vtime_ns / 1e9:.6f} s virtual)",
        file=sys.stderr,
    )


def write_outputs(result: Result, json: Path | None, csv: Path | None) -> None:
    """The result files. ConfigError when one cannot be written."""
    for path, content in ((json, to_json(result)), (csv, to_csv(result).encode())):
        if path is None:
            continue
        try:
            if str(path) == "-":
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
            else:
                path.write_bytes(content)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
