"""An unmodified Linux as the guest of a comparison: Debian's packages, an initramfs, the works."""
