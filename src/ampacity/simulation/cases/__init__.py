"""Cases of the control law as JSON: a site, what happens there, what must hold; played second by second."""
