"""How the session's program stands: whether it works, waits for a person, or is idle."""
