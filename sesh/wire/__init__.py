"""What goes over a connection to a daemon or a bridge: frames, the JSON in them, the connection itself."""
