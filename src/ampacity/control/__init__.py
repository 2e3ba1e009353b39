"""The law: how a site shares its current, and what holds when something falls silent (docs/control.md).

Two pure functions carry it. `ampacity.control.allocate.allocate` has no memory: fairness, priority and the
reasons live there. `ampacity.control.law.step` carries what has memory: base-load estimates, ramps, turns and
overload stages.
"""
