"""The claims B1 to B5 of docs/benchmarks.md, measured in the batch world."""
