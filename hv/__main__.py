"""``python -m hv``."""

from hv.cli import main

main()
