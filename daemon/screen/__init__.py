"""The emulator, which reads the output log, and reports, which it does not keep."""
