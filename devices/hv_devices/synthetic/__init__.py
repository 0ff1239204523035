"""Virtualization service providers: one protocol a file, behind a VMBus channel."""
