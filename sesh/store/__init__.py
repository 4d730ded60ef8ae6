"""Files under SESH_DIR: facts of sessions that need no daemon. The list of sessions asks the daemons too."""
