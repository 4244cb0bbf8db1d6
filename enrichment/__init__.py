"""The pure core: data in, numbers out."""
