"""Mail broken on purpose: `make fuzz`, or `python -m tests.fuzz --help`."""
