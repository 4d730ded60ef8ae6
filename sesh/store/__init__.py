"""Files under SESH_DIR: what is known of sessions without their daemons; and the list, which asks those too."""
