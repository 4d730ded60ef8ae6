"""Files under SESH_DIR, which tell about sessions without a daemon. Only `listing` asks the daemons too."""
