"""Terminal interfaces: the board of sessions, and a question. Both return a choice."""
