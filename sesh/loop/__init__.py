"""The event loop of daemons and clients: descriptors and timers."""
