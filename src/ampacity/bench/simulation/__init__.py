"""`ampacity bench simulation`: the batch engine beside ACN-Sim and EV2Gym, on the same sessions."""
