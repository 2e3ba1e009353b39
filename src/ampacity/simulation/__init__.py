"""The simulated world: cars, who comes when, the building's load, breakers. Seeded, no clock, no sockets."""
