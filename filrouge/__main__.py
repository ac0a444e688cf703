"""``python -m filrouge``: the command line, where the command itself is not on the path."""

from filrouge.cli import main

main()
