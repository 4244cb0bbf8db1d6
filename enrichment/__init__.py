"""The pure core: data in, numbers out. No network, no clock, no files."""
