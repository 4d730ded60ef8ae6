"""An event loop's parts, for daemons and clients: descriptors and timers."""
