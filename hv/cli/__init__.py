"""The command line: the only place that prints. Guest output alone goes to stdout."""

import gc
import sys
import traceback

import hv
from hv.errors import ConfigError, GuestError

EXIT_FAIL, EXIT_USAGE, EXIT_INTERNAL, EXIT_CONFIG, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

_NEW_OBJECTS = 50_000
"""Between two looks for garbage: a start makes many objects, and they stay."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``hv``: never returns, exits with the code that the run earned."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:  # before the imports: this is asked often and must be quick
        print(f"hv {hv.__version__}")
        sys.exit(0)
    gc.set_threshold(_NEW_OBJECTS)
    code = _dispatch(arguments)
    gc.freeze()  # otherwise the interpreter looks through all of it once more before it ends
    sys.exit(code)


def _dispatch(arguments: list[str]) -> int:
    from hv.cli.app import run_command

    try:
        return run_command(arguments)
    except ConfigError as error:
        print(f"hv: {error}", file=sys.stderr)
        return EXIT_USAGE if error.usage else EXIT_CONFIG
    except GuestError as error:  # of a comparison: a run tells its end by itself
        print(f"hv: {error}", file=sys.stderr)
        return EXIT_FAIL
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_INTERNAL
    except Exception:  # noqa: BLE001 - the last line of defence: ours, not the user's
        traceback.print_exc()
        print("hv: this is a bug in hv, please report it", file=sys.stderr)
        return EXIT_INTERNAL
