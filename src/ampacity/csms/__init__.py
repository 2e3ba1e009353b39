"""What a station's messages mean: one vocabulary above the dialects, one file a functional block."""
