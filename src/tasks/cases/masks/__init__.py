"""Does this person wear a mask?"""
