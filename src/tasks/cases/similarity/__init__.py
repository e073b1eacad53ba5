"""Which pictures in my collection look like this one?"""
