"""Image classes: the public originals, pinned.

The binary records, not the pickled ones: a pickle runs code. Sizes and SHA-256 as TensorFlow Datasets pins them:
tensorflow_datasets/url_checksums/cifar10.txt and cifar100.txt at commit 333639b37af6c6fedf3610a4a2d42f1c6ef6f7d5 of
github.com/tensorflow/datasets.
"""

from tasks.platform.originals import Original, register

_HOME = "https://www.cs.toronto.edu/~kriz"
_LICENCE = "free for research, with A. Krizhevsky's report of 2009 named"

CIFAR10, CIFAR100 = register(
    Original(
        name="cifar10",
        file_name="cifar-10-binary.tar.gz",
        url=f"{_HOME}/cifar-10-binary.tar.gz",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        bytes=170_052_171,
        licence=_LICENCE,
        what="CIFAR-10, 60,000 pictures of 32 x 32 pixels in ten classes (A. Krizhevsky 2009)",
    ),
    Original(
        name="cifar100",
        file_name="cifar-100-binary.tar.gz",
        url=f"{_HOME}/cifar-100-binary.tar.gz",
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        bytes=168_513_733,
        licence=_LICENCE,
        what="CIFAR-100, 60,000 pictures of 32 x 32 pixels in a hundred classes (A. Krizhevsky 2009)",
    ),
)
