"""Files under SESH_DIR, which say what is known of sessions without their daemons; the list asks those too."""
