"""The electrical truth of a site: phasors, breakers, feeders, transformers. Arrays in, arrays out."""
