"""A node and a simulated world together, in one process and on one clock."""
