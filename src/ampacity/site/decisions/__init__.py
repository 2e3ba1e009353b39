"""The decision log: what the controller of a site saw, decided and did, for any second of the past.

`columns` says what is kept of a tick, `chain` how ticks become bytes and bytes ticks again, `log` keeps them
while the site runs, `reading` finds a moment, `why` explains it, `timeline` lists what happened in a span,
and `words` says it all in English.
"""
