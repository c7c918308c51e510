"""A transaction's own views of tables: the same verbs, over rows that are kept back."""
