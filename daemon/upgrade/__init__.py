"""`--reload`: the daemon's state is written out, the process executes itself again, and reads the state.

Pid, descriptors and connections stay. The new sesh is tried in a child process first. `--reload` answers with what
fails in the first turns of its loop; `--status --json` tells of later errors.
"""
