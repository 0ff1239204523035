"""The root partition: builds a PC from a config, owns its devices and host files."""
