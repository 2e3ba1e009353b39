"""The law itself in the batch world: `control.step` each second, on stations and cars as arrays, without
sockets, stores or clocks. What it makes of a plan is what the live demo makes of it (tests/demo)."""
