"""Phase, facts and faults of the session; calls to parts that are built later."""
