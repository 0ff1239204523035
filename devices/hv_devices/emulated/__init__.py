"""Chips of a PC, one part number a file. A chip knows offsets; the board knows addresses."""
