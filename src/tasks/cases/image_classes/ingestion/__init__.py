"""Image classes: from a folder with a sub-folder per class, or the records of CIFAR, to a manifest."""
