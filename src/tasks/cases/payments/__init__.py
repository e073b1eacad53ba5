"""Where does a state's money go, and which payments need a second look?"""
