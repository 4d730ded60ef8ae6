"""The command line: a module for each verb or family of verbs, and their table."""
