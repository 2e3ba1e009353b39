"""The nouns of charging: site, circuit, station, EVSE, session, sample, limit. Pure data, no behaviour that
needs I/O.
"""
