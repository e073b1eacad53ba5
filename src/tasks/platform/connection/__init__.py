"""A connection to a host, a store or a warehouse, link by link: which one is broken, and what would mend it?"""
