"""The emulator behind the output log, the screen's size, and its checkpoints."""
