"""How is a picture of any size brought to the size that an embedder looks at?"""

from PIL import Image


def squash(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the whole picture as RGB of `size` (width, height), its sides stretched as need be.

    Nothing is cut off: what matters may stand at the edge. The filter is bicubic over the whole area that a pixel comes
    from, so that nothing aliases; a picture that has the size already is returned as it is.
    """
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return rgb if rgb.size == size else rgb.resize(size, Image.Resampling.BICUBIC)
