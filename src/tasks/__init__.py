"""What flows are made of: a room per CRISP-DM stage, a file per technique or source."""
