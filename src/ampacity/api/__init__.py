"""REST, the live feed, OpenAPI and the built console. No business rules live here."""
