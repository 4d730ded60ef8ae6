"""The emulator, which reads the output log, and the replies that it gives to queries."""
