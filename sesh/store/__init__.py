"""Files under SESH_DIR: facts of sessions without asking a daemon; only `listing` asks the daemons too."""
