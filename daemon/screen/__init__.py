"""The emulator, which reads the output log, and the reports that it leaves out."""
