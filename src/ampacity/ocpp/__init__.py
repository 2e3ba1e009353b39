"""OCPP without I/O: messages, codec, engine and charging profiles of 1.6, 2.0.1 and 2.1."""
