"""Tests of guests: a plugin for pytest, manifests, golden files."""
