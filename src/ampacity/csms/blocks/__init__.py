"""One file a functional block of OCPP:
what a message does, or what a command has done once it was accepted.
"""
