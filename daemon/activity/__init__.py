"""The session's standing: it works, waits for a person, or is idle; and who learns of that."""
