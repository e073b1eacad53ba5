"""Data understanding: files, archives and services become tables and manifests."""
