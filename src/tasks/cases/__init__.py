"""What each case alone needs: a folder for each, a file for each stage."""
