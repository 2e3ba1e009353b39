"""Everything that a peer may send, and worse."""
