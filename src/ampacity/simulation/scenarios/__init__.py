"""Scenarios: a site, its cars and its law written down in a file, and run with many seeds and strategies.

`spec` says what a file may hold, `reading` reads one and names everything that is wrong with it, `building`
makes the arrays of the batch world of it. `sweep` runs it, `report` draws what came out.
"""
