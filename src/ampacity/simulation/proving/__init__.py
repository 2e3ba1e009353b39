"""Proofs of the lease and commit protocol by going through everything that can happen in a small world."""
