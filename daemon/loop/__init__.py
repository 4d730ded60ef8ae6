"""The event loop's parts: descriptors, timers, and the log of faults."""
