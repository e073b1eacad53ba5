"""What does our cloud cost, why did it change, and what should we choose?"""
