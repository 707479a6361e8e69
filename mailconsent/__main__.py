"""`python -m mailconsent`."""

from mailconsent.cli import main

main()
