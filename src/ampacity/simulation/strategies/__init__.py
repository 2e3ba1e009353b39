"""Strategies: who gets how much now. The stable interface for your own, the built-in ones in plain Python,
the optimum with everything known (docs/strategies.md).

`interface` is what a strategy sees and answers, `loading` finds one by name, `stepping` runs it.
"""
