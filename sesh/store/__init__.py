"""Files under SESH_DIR, which say what is known of sessions without their daemons; and the list, which asks those too."""
