"""Requests to a daemon: a function for each, which reads from the session or changes it."""
