"""What every part of a daemon uses: the phase of the session, calls to later parts, the names of timers."""
