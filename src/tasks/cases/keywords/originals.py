"""Key words: the public originals, pinned."""

from tasks.platform.originals import MACHINE_LEARNING, Original, register

ORIGINALS = register(
    Original(
        name="moby_dick",
        file_name="moby-dick.txt",
        url=f"{MACHINE_LEARNING}/datasets/TF-idf/Moby-Dick-HermanMelville.txt",
        sha256="86c60b68f63732e9e65a7af39d395e0baf4fa6e8da2eb0a0ecf3bbe5f5a32280",
        bytes=1_235_152,
        licence="public domain (Project Gutenberg)",
        what="Herman Melville, Moby-Dick",
    ),
    Original(
        name="tom_sawyer",
        file_name="tom-sawyer.txt",
        url=f"{MACHINE_LEARNING}/datasets/TF-idf/Tom-Sawyer-MarkTwain.txt",
        sha256="ce2035065ab7030e75b9a125d0c6aa29b774f14c15e3f1596b2279905b4c53af",
        bytes=418_905,
        licence="public domain (Project Gutenberg)",
        what="Mark Twain, The Adventures of Tom Sawyer",
    ),
)
