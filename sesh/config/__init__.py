"""What the user has set: config.toml, and the log of errors that SESH_DEBUG asks for."""
