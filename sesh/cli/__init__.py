"""The command line: one module a family of verbs, and typer for help and for wrong lines."""
