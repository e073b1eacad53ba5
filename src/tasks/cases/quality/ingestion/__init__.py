"""Quality: Data understanding: the table and what its columns are."""
