"""Similarity: the public original, pinned."""

from tasks.platform.originals import Original, register

ORIGINALS = register(
    # Size and SHA-256 as TensorFlow Datasets pins them: tensorflow_datasets/datasets/caltech101/checksums.tsv at
    # commit 46e70c83ca972158d56218beb7238b0281412031 of github.com/tensorflow/datasets.
    Original(
        name="caltech101",
        file_name="caltech-101.zip",
        url="https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip?download=1",
        sha256="331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91",
        bytes=137_414_764,
        licence="CC BY 4.0",
        what="Caltech-101, 9,144 pictures of 101 categories and of clutter (Fei-Fei, Fergus and Perona 2004); "
        "the pictures are inside, in 101_ObjectCategories.tar.gz",
        upload_hint="open https://data.caltech.edu/records/mzrjq-6wc02 in a browser and download caltech-101.zip",
    ),
)
