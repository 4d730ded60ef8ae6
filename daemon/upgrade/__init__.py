"""`--reload`: the daemon's state out, exec, state in."""
