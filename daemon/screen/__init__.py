"""The emulator, which reads the output log; its replies."""
