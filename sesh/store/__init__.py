"""Files under SESH_DIR: what is known of sessions without asking their daemons."""
