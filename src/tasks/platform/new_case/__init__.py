"""A working case to start from: seven files and one deployment, which run, lint and test without an edit."""
