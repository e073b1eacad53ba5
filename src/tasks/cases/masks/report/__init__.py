"""What the masks case has to say."""
