"""What should a flat cost a night?"""
