"""Devices of the root partition: emulated chips and synthetic services."""
