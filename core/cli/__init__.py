"""The command line: one verb per file, entered by `python -m core`."""
