"""How many cores, how much memory, local disk and how many GPUs has a machine of a size? The common ones of Azure.

Written from the series in Azure's documentation (learn.microsoft.com, sizes for virtual machines): within one, memory
and local disk grow with the cores. A price list does not say what a size has.
"""

import pandas as pd

COLUMNS = ("size", "cores", "memory", "disk", "gpus")  # memory and local disk in GiB
# name with {} for the cores; the cores; GiB of memory and of local disk a core
SERIES = (
    ("D{}s_v3", (2, 4, 8, 16, 32, 48, 64), 4, 8),
    ("D{}s_v4", (2, 4, 8, 16, 32, 48, 64), 4, 0),
    ("D{}s_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4, 0),
    ("D{}ds_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4, 37.5),
    ("D{}as_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4, 0),
    ("D{}ads_v5", (2, 4, 8, 16, 32, 48, 64, 96), 4, 37.5),
    ("D{}s_v6", (2, 4, 8, 16, 32, 48, 64, 96), 4, 0),
    ("E{}s_v3", (2, 4, 8, 16, 20, 32, 48), 8, 16),
    ("E{}s_v4", (2, 4, 8, 16, 20, 32, 48), 8, 0),
    ("E{}s_v5", (2, 4, 8, 16, 20, 32, 48, 64), 8, 0),
    ("E{}ds_v5", (2, 4, 8, 16, 20, 32, 48, 64), 8, 37.5),
    ("E{}as_v5", (2, 4, 8, 16, 20, 32, 48, 64), 8, 0),
    ("F{}s_v2", (2, 4, 8, 16, 32, 48, 64, 72), 2, 8),
    ("L{}s_v3", (8, 16, 32, 48, 64, 80), 8, 223.5),
)
OTHERS = (
    ("B1s", 1, 1, 4, 0),
    ("B1ms", 1, 2, 4, 0),
    ("B2s", 2, 4, 8, 0),
    ("B2ms", 2, 8, 16, 0),
    ("B4ms", 4, 16, 32, 0),
    ("B8ms", 8, 32, 64, 0),
    ("B12ms", 12, 48, 96, 0),
    ("B16ms", 16, 64, 128, 0),
    ("B20ms", 20, 80, 160, 0),
    ("B2ls_v2", 2, 4, 0, 0),
    ("B2s_v2", 2, 8, 0, 0),
    ("B4ls_v2", 4, 8, 0, 0),
    ("B4s_v2", 4, 16, 0, 0),
    ("B8ls_v2", 8, 16, 0, 0),
    ("B8s_v2", 8, 32, 0, 0),
    ("B16ls_v2", 16, 32, 0, 0),
    ("B16s_v2", 16, 64, 0, 0),
    ("NC4as_T4_v3", 4, 28, 176, 1),
    ("NC8as_T4_v3", 8, 56, 352, 1),
    ("NC16as_T4_v3", 16, 110, 352, 1),
    ("NC64as_T4_v3", 64, 440, 2816, 4),
    ("NC6s_v3", 6, 112, 736, 1),
    ("NC12s_v3", 12, 224, 1474, 2),
    ("NC24s_v3", 24, 448, 2948, 4),
    ("NC24ads_A100_v4", 24, 220, 64, 1),
    ("NC48ads_A100_v4", 48, 440, 128, 2),
    ("NC96ads_A100_v4", 96, 880, 256, 4),
    ("NV36ads_A10_v5", 36, 440, 720, 1),
    ("NC40ads_H100_v5", 40, 320, 128, 1),
)
KNOWN_SIZES = pd.DataFrame(
    [
        *(
            (f"Standard_{name.format(n)}", n, n * memory, n * disk, 0)
            for name, cores, memory, disk in SERIES
            for n in cores
        ),
        *((f"Standard_{name}", *rest) for name, *rest in OTHERS),
    ],
    columns=COLUMNS,
).astype({"cores": "float64", "memory": "float64", "disk": "float64", "gpus": "float64"})
