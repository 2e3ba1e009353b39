"""An environment: many worlds of a site at once, with setpoints that come from outside, step by step.

`worlds` is what people use, `seen` says what they get, `beside` puts worlds side by side for the compiled
step.
"""
