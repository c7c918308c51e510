"""The term order: sort keys, their bytes, and lists of them in order."""
