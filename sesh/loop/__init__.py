"""What loops wait for: descriptors in a daemon, timers in a client."""
