"""Collections of pictures: folders and archives, decoded with care."""
