"""Keeping a link to a host: when it is replaced, and the attempts to replace it."""
