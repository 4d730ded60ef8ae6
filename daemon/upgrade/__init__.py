"""`--reload`: the daemon's state is written out, the process executes itself anew, and reads the state."""
