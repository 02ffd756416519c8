"""`python -m tosplus` is `tos`."""

from .cli import main

main()
