"""`--reload`: the daemon writes out its state, the process executes the new sesh, and that reads the state."""
