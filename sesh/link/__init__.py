"""Keep a link to a host (see `remote/ssh/link`): replace it when it fails."""
