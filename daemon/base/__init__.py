"""Phase and facts of the session, calls to later parts, and the names of timers."""
