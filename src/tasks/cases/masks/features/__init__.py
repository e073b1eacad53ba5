"""What is learned from: faces in one place and size, and which of them belong together."""
