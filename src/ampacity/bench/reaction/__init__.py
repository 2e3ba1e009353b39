"""`ampacity bench reaction`: from a meter's sample to the limits at the stations' sockets."""
