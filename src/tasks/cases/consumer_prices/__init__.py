"""How do prices rise, and how unsteady has it become?"""
