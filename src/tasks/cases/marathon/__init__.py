"""Are there hidden patterns in the runners of this marathon?"""
