"""The event loop's parts: descriptors and timers."""
