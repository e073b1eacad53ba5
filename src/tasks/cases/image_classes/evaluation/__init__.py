"""Image classes: how good is the answer, and where is it wrong?"""
