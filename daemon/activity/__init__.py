"""The state of a session (working, waiting for a person, idle), and the notifications about it."""
