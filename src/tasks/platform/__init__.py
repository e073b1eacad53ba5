"""The platform: stage, store, settings, command line, downloads, doctor."""
