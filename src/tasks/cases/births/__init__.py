"""How do birth weight and mother's age hang together, and how has that changed?"""
