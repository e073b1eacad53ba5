"""Who wears a mask in pictures, a film or before a camera: boxes, tracks, verdicts that do not flicker."""
