"""Who may do what: users, roles, sign-in links, browser sessions, API keys, and the actor of each command."""
