"""The messages of OCPP 1.6, 2.0.1 and 2.1 as msgspec structs, one generated module a version.

A version's module is imported when it is first asked for: a station that speaks one version pays for one.
"""
