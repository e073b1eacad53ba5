"""Warehouses: where a question is answered beside the rows, and only its result travels."""
