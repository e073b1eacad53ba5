"""What did the films earn whose revenue is missing?"""
