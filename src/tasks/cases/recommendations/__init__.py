"""What should each user watch next?"""
