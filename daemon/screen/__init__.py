"""The emulator behind the output log, its size, and its checkpoints."""
