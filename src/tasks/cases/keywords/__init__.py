"""Which words matter in a document, and which documents are alike?"""
