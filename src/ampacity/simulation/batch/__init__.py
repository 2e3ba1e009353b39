"""The batch world: a site, its cars and its law as arrays, stepped without input or output.

`world` says what is simulated, `state` what changes, `episode` runs it with a compiled strategy
(`strategies.stepping` with one written in Python). Needs the extra `simulate`.
"""
