"""Image classes: simple models, networks, heads on pretrained features."""
