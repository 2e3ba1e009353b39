"""A street whose cars and home batteries hold its voltage still: second by second, on a linear feeder."""
