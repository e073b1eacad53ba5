"""One file per question: a Prefect flow and a command, wiring only."""
