"""The emulator, which reads the output log; its replies; the compression of its scrollback."""
