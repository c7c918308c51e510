"""The rows of set kinds and the cells of bags: what they are, and the ways in which they change."""
