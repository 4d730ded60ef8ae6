"""The terminal: bytes in, state out. Knows nothing of sessions."""
