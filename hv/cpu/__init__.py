"""The virtual processor: engine, saved state, event delivery, exits."""
