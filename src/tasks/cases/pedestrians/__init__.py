"""When did the lockdown empty the square, by how much, and has it recovered?"""
