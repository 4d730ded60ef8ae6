"""Files under SESH_DIR, which describe sessions without a daemon. Only `listing` connects to daemons, too."""
