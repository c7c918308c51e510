"""What set kinds do: the verbs, in layers over the rows."""
