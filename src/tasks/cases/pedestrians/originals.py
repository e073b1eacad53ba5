"""Pedestrians: the public originals, pinned: counts on Ulm's Münsterplatz."""

from tasks.platform.originals import VISUALIZATION, Original, register

_FOLDER = f"{VISUALIZATION}/Pedestrians"
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
ORIGINALS = register(
    *(
        Original(
            name=f"pedestrians_{period}",
            file_name=f"ulm-muensterplatz-{period}.csv",
            url=f"{_FOLDER}/{'Aug2019bisheute/' if size > 10**6 else ''}ulm-m%C3%BCnsterplatz%20-{period}.csv",
            sha256=sha256,
            bytes=size,
            licence="hystreet.com, as published in its repository",
            what="hystreet counts of pedestrians on Ulm's Münsterplatz",
        )
        for period, size, sha256 in _ULM
    )
)
