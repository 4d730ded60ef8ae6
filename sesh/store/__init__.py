"""Files under SESH_DIR, which describe sessions without a daemon. Only `listing` asks the daemons too."""
