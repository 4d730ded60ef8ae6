"""The emulator, which reads the output log, and the checkpoints of its screen."""
