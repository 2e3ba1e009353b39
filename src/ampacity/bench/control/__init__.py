"""The law in a closed loop, beside three plain laws and an oracle, on the plant of docs/benchmarks.md."""
