"""The phase of the session, calls to later parts, and the names of timers."""
