"""Recordings of runs: what the host gave to a guest and when, and digests of the state on the way."""
