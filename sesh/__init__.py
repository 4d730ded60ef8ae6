"""sesh keeps named shell sessions alive, on this machine and on any machine that ssh reaches."""

__version__ = "0.1.0"
