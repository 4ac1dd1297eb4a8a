"""``python -m podling``: the same as ``podling``."""

from podling.cli.main import main

main()
