"""What builds, starts and checks the project; nothing here is part of the product."""
