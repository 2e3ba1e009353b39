"""Ampacity: charging of electric vehicles, from the breaker to the browser."""
