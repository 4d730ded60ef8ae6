"""`--reload`: the daemon's state is written out, the process executes itself again, and reads the state."""
