"""The health of a link, and the attempts to replace a lost one."""
