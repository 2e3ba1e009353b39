"""The law of sites that share one supply (docs/control.md, "Sites under one supply")."""
