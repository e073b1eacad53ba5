"""Image classes: which class is this picture?"""
