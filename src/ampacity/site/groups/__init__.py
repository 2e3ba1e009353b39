"""Sites that share one supply: who coordinates them, and how a site follows (docs/sites.md)."""
