"""Which station lifts are out of order, where, and how reliable are they?"""
