"""What a run was worth, in numbers with units: costs, energy, waiting, fairness, limits (docs/metrics.md).

`measure` makes `Metrics` from a `Run`; `balance` shows that its energy and money add up.
"""
