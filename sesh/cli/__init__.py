"""The command line: one module a family of verbs, and typer only where the words need it."""
