"""A debugger's door: the GDB remote serial protocol in front of a machine."""
