"""Did every case answer last night, and has anything drifted?"""
