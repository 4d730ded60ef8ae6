"""The emulator, which reads the output log; its replies to queries; the compression of its scrollback."""
