"""How good is the model, how much of that could be had without looking, and what does it cost to run?"""
