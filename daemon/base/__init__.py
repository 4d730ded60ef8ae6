"""Phase, facts and faults of the session."""
