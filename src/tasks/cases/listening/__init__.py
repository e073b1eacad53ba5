"""What was my year in music?"""
