"""What will we sell, and what should we order today?"""
