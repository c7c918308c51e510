"""What everything stands on: the one lock, handles of hashed keys, what a row is, and the rows of a closed table."""
