"""The event loop of daemons: descriptors and timers. A client's loop takes the timers."""
