"""Which public originals does Casebook use? Each file's address, checksum, size and licence, pinned."""

from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Original(BaseModel):
    """A public file, pinned."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="the name that flows use")
    file_name: str = Field(description="the name that it has in a mirror folder")
    url: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    licence: str
    what: str = Field(description="what it is, for the report and for `doctor`")
    upload_hint: str = Field("", description="how a person gets the file where the address cannot be reached")

    @field_validator("file_name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not name or name != PurePosixPath(name).name or "\\" in name or name.startswith("."):
            raise ValueError("a file name without folders is wanted")
        return name


_TRAUT = "https://raw.githubusercontent.com/AndreasTraut"
_ML = f"{_TRAUT}/Machine-Learning-with-Python/9c43ad64faf4ba0bb8709d3b4d92213325f14338"
_VIZ = f"{_TRAUT}/Visualization-of-Data-with-Python/c78a9bc8b51cc2c8e9d6b07a75a225d5db05053f"
_CORAL = "https://raw.githubusercontent.com/google-coral/test_data/104342d2d3480b3e66203073dac24f4e2dbb4c41"

ORIGINALS: dict[str, Original] = {
    original.name: original
    for original in (
        Original(
            name="mobilenet_v2",
            file_name="tf2_mobilenet_v2_1.0_224_ptq.tflite",
            url=f"{_CORAL}/tf2_mobilenet_v2_1.0_224_ptq.tflite",
            sha256="5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c",
            bytes=4_070_174,
            licence="Apache-2.0",
            what="MobileNetV2 trained on ImageNet, 8-bit, as a TensorFlow Lite file",
        ),
        Original(
            name="imagenet_labels",
            file_name="imagenet_labels.txt",
            url=f"{_CORAL}/imagenet_labels.txt",
            sha256="b8aaeb5630c62626a7d124a05c0e14230a7ffdd2136a31d0190a4fb71c1d82f1",
            bytes=21_686,
            licence="Apache-2.0",
            what="the 1,001 labels of that network, 'background' first",
        ),
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
        Original(
            name="rentals",
            file_name="listings.csv",
            url=f"{_ML}/datasets/AirBnB/listings.csv",
            sha256="ab18b46d754afc6e5a3690579525cf15dbde022faf80fc24148e7328a13d2792",
            bytes=3_875_494,
            licence="CC0 1.0",
            what="Airbnb listings of Berlin",
        ),
        Original(
            name="movies",
            file_name="movies.csv",
            url=f"{_ML}/datasets/movies/movies.csv",
            sha256="c5c5d80123a38e6a2c02923eca448f19db6ad1f8d24c0e7d7376f432d719da44",
            bytes=2_371_746,
            licence="as published in its repository, without a licence of its own",
            what="10,000 films with their revenue",
        ),
        Original(
            name="moby_dick",
            file_name="moby-dick.txt",
            url=f"{_ML}/datasets/TF-idf/Moby-Dick-HermanMelville.txt",
            sha256="86c60b68f63732e9e65a7af39d395e0baf4fa6e8da2eb0a0ecf3bbe5f5a32280",
            bytes=1_235_152,
            licence="public domain (Project Gutenberg)",
            what="Herman Melville, Moby-Dick",
        ),
        Original(
            name="tom_sawyer",
            file_name="tom-sawyer.txt",
            url=f"{_ML}/datasets/TF-idf/Tom-Sawyer-MarkTwain.txt",
            sha256="ce2035065ab7030e75b9a125d0c6aa29b774f14c15e3f1596b2279905b4c53af",
            bytes=418_905,
            licence="public domain (Project Gutenberg)",
            what="Mark Twain, The Adventures of Tom Sawyer",
        ),
        Original(
            name="ratings",
            file_name="ml-latest-small.zip",
            url="https://files.grouplens.org/datasets/movielens/ml-latest-small.zip",
            sha256="696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
            bytes=978_202,
            licence="MovieLens licence of GroupLens: research use, not for redistribution",
            what="MovieLens latest-small: 100,836 ratings of 9,742 films by 610 users",
        ),
        Original(
            name="consumer_prices",
            file_name="61111-202z.csv",
            url=f"{_VIZ}/ConsumerPricesExample/61111-202z.csv",
            sha256="3a70149dcc4cf7325cc65ab5be07e441c8b0a5c24a9d01a94f947fb2e57ad473",
            bytes=10_660,
            licence="dl-de/by-2-0 (Bayerisches Landesamt für Statistik)",
            what="GENESIS table 61111-202z: consumer price index of Bavaria since 1970, 2015 = 100",
        ),
        Original(
            name="marathon",
            file_name="marathon.csv",
            url=f"{_VIZ}/marathon-data_extended.csv",
            sha256="89666fb9b101e64c5fd223fb79080b8375804cbb7f1e75b355ebfa10d3ddfe3c",
            bytes=1_552_649,
            licence="as published in its repository, without a licence of its own",
            what="37,250 marathon runners, with patterns planted by its publisher",
        ),
    )
}

# Exports of one sensor for periods that overlap.
_ULM = (
    ("20190826-20200326", 3_866_521, "7bf0bdc6f48fab841e7ec84c44270e85baabf2769ae654d38b384c4a93d14fe7"),
    ("20200216-20200223", 165_006, "6b050f075e97044bec6d93209b1db43b7e400c64ab661637c5d40d3680684889"),
    ("20200223-20200301", 157_882, "4aadcb74cc820f6e567a0d345be52edb94e6cd3139bfff1f07df11f1297c82ec"),
    ("20200301-20200308", 159_287, "4e513204309f62727523fb96c18c51804ce0c887e629eb8aa666d41fa1d41a53"),
    ("20200308-20200315", 160_553, "f3235fce3777dfbfa19224ca609748a51bcb996176ea0d0a87f748fe8617f4f8"),
    ("20200315-20200322", 139_031, "d004013cb4bb617831d53ddcd277bb358c1866f67ce4bd1dcc27c4931c306ef4"),
    ("20200322-20200329", 128_645, "5cb6b54269473e6f8ac60c27aea93ac854e167e23e51e0d206cecdb6244d192c"),
    ("20200329-20200405", 138_065, "96ac90b17ccc512bfc22718ead89bddafbe569fbf7c703e0ef62d5361c6183e0"),
)
ORIGINALS |= {
    f"pedestrians_{period}": Original(
        name=f"pedestrians_{period}",
        file_name=f"ulm-muensterplatz-{period}.csv",
        url=f"{_VIZ}/Pedestrians/{'Aug2019bisheute/' if size > 10**6 else ''}ulm-m%C3%BCnsterplatz%20-{period}.csv",
        sha256=sha256,
        bytes=size,
        licence="hystreet.com, as published in its repository",
        what="hystreet counts of pedestrians on Ulm's Münsterplatz",
    )
    for period, size, sha256 in _ULM
}
