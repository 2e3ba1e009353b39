"""The site at work: meters in, the law, leases out."""
