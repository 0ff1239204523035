"""``hv asm``: a source file to a binary, a listing, its symbols."""

from pathlib import Path

from hv.asm import assemble_file
from hv.cli.request import parse_count
from hv.errors import ConfigError
from hv.root.resources import source_folder


def assemble(
    file: Path,
    output: Path | None,
    listing: Path | None,
    symbols: bool,
    origin: str | None,
    include: list[Path],
    define: list[str],
) -> int:
    """Assemble ``file``; without any output asked for, print the listing."""
    assembly = assemble_file(
        file,
        origin=None if origin is None else parse_count(origin),
        include_dirs=(*include, source_folder("guests")),
        defines=dict(map(_definition, define)),
    )
    if output is not None:
        _write(output, assembly.code)
    if listing is not None:
        _write(listing, assembly.listing().encode())
    if symbols:
        for name, value in sorted(assembly.symbols.items(), key=lambda item: (item[1], item[0])):
            print(f"{value:08x} {name}")
    if output is None and listing is None and not symbols:
        print(assembly.listing(), end="")
    return 0


def _definition(text: str) -> tuple[str, int]:
    """``NAME=NUMBER``, or ``NAME`` for 1."""
    name, equals, value = text.partition("=")
    if not name.isidentifier():
        raise ConfigError(f"--define {text!r} is not NAME=NUMBER", usage=True)
    return name, parse_count(value) if equals else 1


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
