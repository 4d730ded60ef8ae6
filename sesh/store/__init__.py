"""Files under SESH_DIR: facts of sessions that need no daemon; `listing` asks the daemons too."""
