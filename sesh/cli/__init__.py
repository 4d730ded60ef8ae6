"""The command line: a module for each verb or family of verbs, the verb table, and typer for help."""
