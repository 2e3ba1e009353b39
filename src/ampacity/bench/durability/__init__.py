"""Kills and power losses, and whether anything acknowledged is missing after them."""
