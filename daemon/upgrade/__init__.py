"""`--reload`: the daemon writes out its state, the process executes the new sesh, and that reads the state.

The process keeps its pid, descriptors and connections. A child process tries the new sesh first. An error in the first
turns of the new sesh's loop is the answer to `--reload`; `--status --json` tells of later ones.
"""
