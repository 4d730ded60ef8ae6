"""The emulator, which reads the output log, and the program's reports, which the emulator does not keep."""
