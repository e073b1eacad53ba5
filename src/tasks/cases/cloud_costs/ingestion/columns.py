"""Which column of an export is which column of FOCUS? Names of FOCUS 1.0 to 1.3 and of Azure, English and German.

FOCUS (focus.finops.org) is the open specification of cloud bills. Inside this case every export has its columns; what
FOCUS does not know begins with `x_`, as the specification asks for. Version 1.3 calls the provider
`ServiceProviderName`, before it was `ProviderName`.
"""

import re

NUMBERS = ("BilledCost", "EffectiveCost", "ConsumedQuantity", "x_CostInUsd", "x_ForecastCost")
DAYS = ("ChargePeriodStart", "ChargePeriodEnd")
TEXTS = (
    "ProviderName",
    "ServiceName",
    "ServiceCategory",
    "RegionId",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "SubAccountId",
    "SubAccountName",
    "BillingCurrency",
    "ChargeCategory",
    "ChargeFrequency",
    "ChargeDescription",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "PricingCategory",
    "Tags",
    "x_ResourceGroup",
    "x_SkuMeterName",
    "x_Term",
)
COLUMNS = (*DAYS, *NUMBERS, *TEXTS)

# FOCUS: the columns that a column is taken from, the first that is there and not empty.
FOCUS = {name: (name,) for name in COLUMNS} | {
    "ProviderName": ("ProviderName", "ServiceProviderName", "HostProviderName", "PublisherName", "InvoiceIssuerName"),
    "x_ResourceGroup": ("x_ResourceGroupName", "x_ResourceGroup"),
    "x_SkuMeterName": ("x_SkuMeterName", "SkuMeter"),
    "x_CostInUsd": ("x_BilledCostInUsd", "x_CostInUsd"),
    "x_Term": ("x_SkuTerm", "x_Term"),
}
# Azure Cost Management: EA, MCA, pay-as-you-go and cost analysis; German as its portal and Excel write it.
AZURE = {
    "ChargePeriodStart": ("Date", "UsageDate", "UsageDateTime", "Datum", "Nutzungsdatum", "Verbrauchsdatum"),
    "BilledCost": (
        "CostInBillingCurrency",
        "Cost",
        "PreTaxCost",
        "ExtendedCost",
        "KostenInAbrechnungswährung",
        "Kosten",
        "KostenVorSteuern",
        "ErweiterteKosten",
    ),
    "x_CostInUsd": ("CostInUSD", "CostUSD", "PreTaxCostUSD", "KostenUSD", "KostenInUSD"),
    "x_ForecastCost": ("ForecastCost", "Prognosekosten", "Prognose"),
    "BillingCurrency": (
        "BillingCurrencyCode",
        "BillingCurrency",
        "Currency",
        "Abrechnungswährung",
        "Währung",
        "Waehrung",
    ),
    "ServiceName": (
        "MeterCategory",
        "ServiceName",
        "Messgerätekategorie",
        "Kategorie der Verbrauchseinheit",
        "Zählerkategorie",
        "Dienstname",
        "Dienst",
        "ConsumedService",
    ),
    "ServiceCategory": ("ServiceFamily", "Dienstfamilie"),
    "RegionId": ("ResourceLocation", "Location", "Ressourcenstandort", "Standort", "MeterRegion"),
    "ResourceId": ("ResourceId", "InstanceId", "InstanceName", "RessourcenID", "Ressource"),
    "ResourceName": ("ResourceName", "Ressourcenname"),
    "ResourceType": ("ResourceType", "Ressourcentyp"),
    "SubAccountId": ("SubscriptionId", "SubscriptionGuid", "AbonnementID"),
    "SubAccountName": ("SubscriptionName", "Abonnementname", "Abonnement"),
    "ChargeCategory": ("ChargeType", "Gebührentyp", "Belastungstyp"),
    "ChargeFrequency": ("Frequency", "Häufigkeit"),
    "ChargeDescription": ("ProductOrderName", "Product", "ProductName", "Produkt", "Produktname"),
    "CommitmentDiscountId": ("ReservationId", "BenefitId", "ReservierungsID"),
    "CommitmentDiscountName": ("ReservationName", "BenefitName", "Reservierungsname"),
    "PricingCategory": ("PricingModel", "Preismodell"),
    "ConsumedQuantity": ("Quantity", "UsageQuantity", "ConsumedQuantity", "Menge"),
    "Tags": ("Tags", "Kategorien", "Markierungen"),
    "x_ResourceGroup": ("ResourceGroupName", "ResourceGroup", "Ressourcengruppe", "Ressourcengruppenname"),
    "x_SkuMeterName": ("MeterName", "Meter", "Zählername", "Name der Verbrauchseinheit"),
    "x_Term": ("Term", "Laufzeit"),
}


def plain(name: object) -> str:
    """Return a heading as it is compared: small letters and digits only."""
    return re.sub(r"[^a-zäöüß0-9]", "", str(name).lower())


KNOWN = {plain(name) for table in (FOCUS, AZURE) for names in table.values() for name in names}
COSTS = {plain(name) for name in ("BilledCost", *AZURE["BilledCost"], *AZURE["x_CostInUsd"])}
WHEN = {plain(name) for name in (*FOCUS["ChargePeriodStart"], *AZURE["ChargePeriodStart"])}


def is_header(cells: list[str]) -> bool:
    """Tell whether a row heads a table of costs: it names a cost and a day."""
    names = {plain(cell) for cell in cells}
    return bool(names & COSTS) and bool(names & WHEN)


def is_focus(cells: list[str]) -> bool:
    """Tell whether a header is one of FOCUS."""
    return {"billedcost", "chargeperiodstart"} <= {plain(cell) for cell in cells}


def focus_version(cells: list[str]) -> str:
    """Return the version of FOCUS that a header shows, by the columns that came with it."""
    names = {plain(cell) for cell in cells}
    came = {
        "1.3": {"serviceprovidername", "hostprovidername", "allocatedmethodid", "contractapplied"},
        "1.2": {"invoiceid", "pricingcurrency", "billingaccounttype", "subaccounttype"},
        "1.1": {"servicesubcategory", "skumeter", "capacityreservationid", "commitmentdiscountquantity"},
    }
    return next((version for version, new in came.items() if names & new), "1.0")
