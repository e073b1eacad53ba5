"""The names in the sample of vendor payments: columns, departments, accounts, funds, vendors and towns."""

import numpy as np

HEADER = (
    "Quarter Ending",
    "Department",
    "UnitNo",
    "Vendor Number",
    "Vendor",
    "City",
    "State",
    "DeptID Description",
    "DeptID",
    "Amount",
    "Account",
    "AcctNo",
    "Fund Description",
    "Fund",
)

DEPARTMENTS = (
    "Human Services",
    "Transportation",
    "Education",
    "Health",
    "Buildings and General Services",
    "Public Safety",
    "Children and Families",
    "Corrections",
    "Natural Resources",
    "Labor",
    "Mental Health",
    "Information and Innovation",
    "Environmental Conservation",
    "Military",
    "Agriculture, Food and Markets",
    "Commerce and Community Development",
    "Fish and Wildlife",
    "Forests, Parks and Recreation",
    "Taxes",
    "Judiciary",
    "Liquor Control",
    "Motor Vehicles",
    "Attorney General",
    "State Colleges",
    "Libraries",
    "Finance and Management",
    "Tourism and Marketing",
    "Secretary of State",
    "Human Resources",
    "Criminal Justice Training",
)

# Three accounts for each of the five segments, in the order of the segments.
ACCOUNTS = (
    ("Office Supplies", "520000"),
    ("Repair & Maint - Vehicles", "513100"),
    ("Other Operating Supplies", "520500"),
    ("Rent Land & Bldgs-Office Space", "514000"),
    ("Rent Land&Bldgs-Non-Office", "514010"),
    ("Rental - Other", "515000"),
    ("Grants", "550220"),
    ("Grants to Municipalities", "550000"),
    ("Grants to School Districts", "550010"),
    ("Travel In-State Employee", "518000"),
    ("Per Diem", "506200"),
    ("Registration for Meetings, Conf", "517100"),
    ("Electricity", "521100"),
    ("Heating Oil #2", "521220"),
    ("Telecom - Data, Lines & Svc", "516651"),
)

FUNDS = (("General Fund", "10000"), ("Transportation Fund", "20105"), ("Federal Revenue Fund", "22005"))

TOWNS = (
    ("Ashford Mills", "VT"),
    ("Brook Hollow", "VT"),
    ("Cedar Gap", "VT"),
    ("Dunmore", "VT"),
    ("East Larch", "VT"),
    ("Fairbank", "NH"),
    ("Granite Ferry", "NY"),
    ("St. Orin", "QC"),
)

_FIRST = ("MAPLE", "GRANITE", "RIVERSIDE", "NORTHFIELD", "SUMMIT", "CEDAR", "LAKEVIEW", "OLD MILL", "CHÂTEAU", "BIRCH")
_OF_KIND = (
    ("SUPPLY INC", "HARDWARE & PARTS, LLC", "OFFICE PRODUCTS"),
    ("REALTY TRUST", "PROPERTIES, LP", "HOLDINGS INC"),
    ("SCHOOL DISTRICT", "COMMUNITY ACTION", "TOWN OF"),
    ("", "", ""),
    ("POWER COMPANY", "TELEPHONE CO", "FUELS, INC"),
)
_SURNAMES = ("SMITH", "TREMBLAY", "O'BRIEN", "NGUYEN", "PELLETIER", "KOWALSKI", "GARCÍA", "BAKER")
_GIVEN = ("JOHN", "MARIE", "LEE", 'ROBERT "BOB"', "ANNA", "PAUL")


def vendor_names(kind: np.ndarray, chance: np.random.Generator) -> list[str]:
    """Return a name for each vendor by its kind; persons as `SURNAME, GIVEN`."""
    picks = chance.integers(0, 10_000, (len(kind), 2))
    names = []
    for number, (which, (one, two)) in enumerate(zip(kind.tolist(), picks.tolist(), strict=True)):
        if _OF_KIND[which][0]:
            names.append(f"{_FIRST[one % len(_FIRST)]} {_OF_KIND[which][two % 3]} {number}")
        else:
            names.append(f"{_SURNAMES[one % len(_SURNAMES)]}, {_GIVEN[two % len(_GIVEN)]} {number}")
    return names
