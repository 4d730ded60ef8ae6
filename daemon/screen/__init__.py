"""The emulator, which reads the output log; the daemon's own replies, and what a program reports of itself."""
