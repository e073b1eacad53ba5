"""Which products will be faulty, why, and what happens at the output when an input changes?"""
