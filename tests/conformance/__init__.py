"""Station doubles that share no code with the product, and what they prove."""
