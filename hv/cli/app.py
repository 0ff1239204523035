"""The commands and their flags."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from hv import __version__

app = typer.Typer(
    help="An x86 mini hypervisor: boot kernels and boot sectors, exactly and reproducibly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_USAGE_ERROR: Any = typer.BadParameter.__bases__[0]
"""click's UsageError. Typer brings a click of its own, or not, by version."""


def run_command(arguments: list[str]) -> int:
    """Run one command line; the process exit code."""
    try:
        code = app(arguments, standalone_mode=False, prog_name="hv")
    except typer.Exit as stop:
        return stop.exit_code
    except _USAGE_ERROR as error:
        typer.echo(f"hv: {error.format_message()}", err=True)
        return 2
    return code if isinstance(code, int) else 0


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hv {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    _show: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    image: Annotated[
        str | None,
        Argument(
            help="Boot sector, disk, ELF, Linux kernel, .asm source, checkpoint, or @sample.",
            show_default=False,
        ),
    ] = None,
    memory: Annotated[str | None, Option(help="RAM: 64M, 1G, ...", show_default="64M")] = None,
    cpus: Annotated[int, Option(help="Virtual processors.")] = 1,
    disk: Annotated[
        list[str] | None,
        Option(help="FILE[,ro|rw][,bus=ide|scsi|both|floppy]; changes are thrown away unless rw."),
    ] = None,
    kernel: Annotated[str | None, Option(help="Linux or Multiboot kernel (as IMAGE).")] = None,
    initrd: Annotated[list[Path] | None, Option(help="Initial RAM disk, or a module.")] = None,
    append: Annotated[str | None, Option(help="Kernel command line.")] = None,
    format: Annotated[
        str | None, Option("--format", help="What IMAGE is, if not recognised.")
    ] = None,
    origin: Annotated[str | None, Option(help="flat: load and entry address.")] = None,
    mode: Annotated[int | None, Option(help="flat: 16, 32 or 64 bits.")] = None,
    cdrom: Annotated[list[str] | None, Option(help="A disc image, on the SCSI bus.")] = None,
    hv: Annotated[
        str | None,
        Option(help="Enlightenments: all, none, all,-stimer,...", show_default="all"),
    ] = None,
    firmware: Annotated[
        str | None, Option(help="'bios' or a ROM file.", show_default="bios")
    ] = None,
    boot: Annotated[str | None, Option(help="auto, floppy or disk.", show_default="auto")] = None,
    serial: Annotated[str, Option(help="COM1: stdio, null or a file.")] = "stdio",
    serial2: Annotated[str, Option(help="COM2: null or a file.")] = "null",
    screen: Annotated[bool, Option("--screen", help="Show the text screen on stderr.")] = False,
    screenshot: Annotated[Path | None, Option(help="Write the last screen: .png or .txt.")] = None,
    keys: Annotated[str | None, Option(help="Type: 'ls<ret><wait:1s><f1>'.")] = None,
    at: Annotated[
        list[str] | None,
        Option(help="TIME:ACTION, as 5s:shutdown, 2s:heartbeat, 1s:kvp-set:key=value, 1s:nmi."),
    ] = None,
    max_insns: Annotated[str | None, Option(help="Stop after so many instructions.")] = None,
    timeout: Annotated[float | None, Option(help="Stop after so many seconds of the host.")] = None,
    checkpoint: Annotated[
        Path | None, Option(help="Save the machine where it stopped; 'hv run FILE' goes on.")
    ] = None,
    stats: Annotated[
        bool, Option("--stats", help="Show exits, device work, VMBus channels, the cost model.")
    ] = False,
    by_symbol: Annotated[
        bool, Option("--by-symbol", help="Count exits by the guest's symbols (--stats, --json).")
    ] = False,
    host_time: Annotated[
        bool, Option("--host-time", help="Measure the host's time by exit (--stats, --json).")
    ] = False,
    cost_model: Annotated[
        str | None, Option(help="A cost model: its name or a TOML file.", show_default="built in")
    ] = None,
    json: Annotated[Path | None, Option(help="Write the result (hv.result/1).")] = None,
    csv: Annotated[Path | None, Option(help="Write the exits as CSV.")] = None,
    trace: Annotated[Path | None, Option(help="Write a trace for Perfetto.")] = None,
    trace_limit: Annotated[
        str | None, Option(help="Trace the first so many events.", show_default="2M, 300 MB")
    ] = None,
    trace_last: Annotated[
        str | None, Option(help="Trace the last so many events, kept in memory until the end.")
    ] = None,
    gdb: Annotated[
        str | None,
        Option(help="Wait for gdb at [HOST]:PORT[,bits=64] before the first instruction."),
    ] = None,
    config: Annotated[Path | None, Option(help="Machine description (TOML).")] = None,
    set_: Annotated[list[str] | None, Option("--set", help="key=value over --config.")] = None,
    quiet: Annotated[bool, Option("--quiet", "-q", help="No banner, no progress.")] = False,
    record: Annotated[Path | None, Option(help="Write a journal for `hv replay`.")] = None,
    record_every: Annotated[
        str | None,
        Option(help="Instructions between checks of the state, at least.", show_default="100k"),
    ] = None,
    cov: Annotated[
        list[Path] | None,
        Option(help="Write which of the image's code ran: lcov when named .info, or drcov."),
    ] = None,
) -> int:
    """Boot an image and run it to its end."""
    from hv.cli.request import RunRequest
    from hv.cli.run import run_image

    return run_image(
        RunRequest(
            image=image,
            memory=memory,
            cpus=cpus,
            disks=disk or [],
            kernel=kernel,
            initrd=initrd or [],
            append=append,
            format=format,
            origin=origin,
            mode=mode,
            cdroms=cdrom or [],
            hv=hv,
            firmware=firmware,
            boot=boot,
            serial=serial,
            serial2=serial2,
            screen=screen,
            screenshot=screenshot,
            keys=keys,
            at=at or [],
            max_insns=max_insns,
            timeout=timeout,
            checkpoint=checkpoint,
            stats=stats,
            json=json,
            csv=csv,
            trace=trace,
            trace_limit=trace_limit,
            trace_last=trace_last,
            by_symbol=by_symbol,
            host_time=host_time,
            cost_model=cost_model,
            gdb=gdb,
            config=config,
            overrides=set_ or [],
            quiet=quiet,
            record=record,
            record_every=record_every,
            cov=tuple(cov or ()),
        )
    )


@app.command()
def replay(
    file: Annotated[Path, Argument(help="A journal that `hv run --record` wrote.")],
    search: Annotated[
        bool, Option(help="Name the instruction at which a run diverges, by running it again.")
    ] = True,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Say nothing of an equal run.")] = False,
    gdb: Annotated[
        str | None, Option(help="Debug the recorded run, forward and backward, as with `hv run`.")
    ] = None,
    gdb_at_end: Annotated[
        bool, Option("--gdb-at-end", help="With --gdb, from the end of the recorded run.")
    ] = False,
) -> int:
    """Run a recorded run again and check that it is the same; 1 when it is not."""
    from hv.cli.replay import debug_replay
    from hv.cli.replay import replay as replay_journal

    if gdb is not None or gdb_at_end:
        return debug_replay(file, gdb, at_end=gdb_at_end)
    return replay_journal(file, search=search, quiet=quiet)


@app.command()
def guests() -> int:
    """List the sample guests and what each shows."""
    from hv.cli.listing import list_guests

    return list_guests()


@app.command()
def compare(
    patterns: Annotated[
        list[str] | None,
        Argument(
            metavar="[PAIR]...",
            help="@disk-read, @disk-read:4K, 'disk-*', 'linux*'; all but Linux when none is named.",
            show_default=False,
        ),
    ] = None,
    show_list: Annotated[bool, Option("--list", help="Name the pairs, run nothing.")] = False,
    jobs: Annotated[
        int | None, Option(help="Worker processes.", show_default="as many as processors")
    ] = None,
    json: Annotated[Path | None, Option(help="Write everything (hv.compare/1).")] = None,
    csv: Annotated[Path | None, Option(help="Write one row a path as CSV.")] = None,
    plot: Annotated[Path | None, Option(help="Write a chart: .svg or .png.")] = None,
    html: Annotated[Path | None, Option(help="Write one page with tables and charts.")] = None,
    cost_model: Annotated[
        str | None, Option(help="A cost model: its name or a TOML file.", show_default="built in")
    ] = None,
    linux: Annotated[
        Path | None,
        Option(
            help="Debian's packages, for linux*.", show_default="where linux-packages puts them"
        ),
    ] = None,
    quiet: Annotated[bool, Option("--quiet", "-q", help="No progress.")] = False,
) -> int:
    """Compare what the same work costs over emulated and synthetic devices."""
    from hv.cli.compare import CompareRequest
    from hv.cli.compare import compare as compare_pairs

    return compare_pairs(
        CompareRequest(
            patterns=patterns or [],
            show_list=show_list,
            jobs=jobs,
            json=json,
            csv=csv,
            plot=plot,
            html=html,
            cost_model=cost_model,
            linux=linux,
            quiet=quiet,
        )
    )


@app.command()
def walk(
    path: Annotated[str, Argument(metavar="PAIR/PATH", help="@disk-read:4K/dma, ...")],
    exits: Annotated[
        int | None, Option(help="Show so many exits.", show_default="what repeats, once")
    ] = None,
    cost_model: Annotated[
        str | None, Option(help="A cost model: its name or a TOML file.", show_default="built in")
    ] = None,
) -> int:
    """Walk through one path of a pair exit by exit: what, after how many instructions, for how much."""
    from hv.cli.walk import show_walk

    return show_walk(path, exits, cost_model)


@app.command()
def cov(
    files: Annotated[list[Path], Argument(help="Coverage files of one kind.")],
    output: Annotated[Path, Option("--output", "-o", help="Where the merged one goes.")],
) -> int:
    """Merge coverage files that `hv run --cov` wrote."""
    from hv.cli.cov import merge

    return merge(files, output)


@app.command()
def diff(
    first: Annotated[Path, Argument(help="A result, a comparison or a trace.")],
    second: Annotated[Path, Argument(help="Another of the same kind.")],
) -> int:
    """Name the first difference between two results, comparisons or traces."""
    from hv.cli.diff import diff as diff_files

    return diff_files(first, second)


@app.command()
def asm(
    file: Annotated[Path, Argument(help="Assembly source.")],
    output: Annotated[Path | None, Option("--output", "-o", help="Binary to write.")] = None,
    listing: Annotated[Path | None, Option("--listing", "-l", help="Listing to write.")] = None,
    symbols: Annotated[bool, Option("--symbols", help="Print the symbols.")] = False,
    origin: Annotated[str | None, Option(help="Load address if the source names none.")] = None,
    include: Annotated[
        list[Path] | None, Option("--include", "-I", help="Where to look before guests/.")
    ] = None,
    define: Annotated[list[str] | None, Option("--define", "-D", help="NAME=NUMBER.")] = None,
) -> int:
    """Assemble a file: binary, listing, symbols."""
    from hv.cli.assemble import assemble

    return assemble(file, output, listing, symbols, origin, include or [], define or [])


@app.command()
def info(
    image: Annotated[str, Argument(help="Any image that `hv run` takes.")],
    format: Annotated[str | None, Option("--format", help="What it is, if not recognised.")] = None,
    origin: Annotated[str | None, Option(help="flat: load and entry address.")] = None,
    mode: Annotated[int | None, Option(help="flat: 16, 32 or 64 bits.")] = None,
    memory: Annotated[str, Option(help="RAM of the machine it is for.")] = "256M",
) -> int:
    """Show what the loader sees in an image."""
    from hv.cli.listing import show_info

    return show_info(image, format, origin, mode, memory)


@app.command()
def linux_packages(
    folder: Annotated[
        Path | None, Argument(help="Where to put them.", show_default="the user's cache")
    ] = None,
    kernel: Annotated[list[str] | None, Option(help="cloud, generic or backports.")] = None,
) -> int:
    """Fetch what `hv compare linux*` boots, through apt."""
    from hv.cli.linux_packages import fetch_packages

    return fetch_packages(folder, kernel or ["cloud"])


@app.command()
def doctor() -> int:
    """Check that everything needed is here, and say which accelerator is at work."""
    from hv.cli.doctor import examine

    return examine()
