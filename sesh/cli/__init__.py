"""The command line: a module for each family of verbs, and typer for help and the errors of wrong lines."""
