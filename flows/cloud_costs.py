"""Cloud costs: what does it cost, why did it change, and what should we choose?"""

from pathlib import Path

from tasks.cases.cloud_costs.evaluation.anomalies import find_anomalies
from tasks.cases.cloud_costs.evaluation.budget import check_budget
from tasks.cases.cloud_costs.evaluation.change import compare_months
from tasks.cases.cloud_costs.evaluation.choice import choose_machines
from tasks.cases.cloud_costs.evaluation.unused import find_unused
from tasks.cases.cloud_costs.features.amortise import amortise
from tasks.cases.cloud_costs.features.currency import Currency, choose_currency, read_expectation
from tasks.cases.cloud_costs.features.groups import group_costs
from tasks.cases.cloud_costs.ingestion.exports import read_costs
from tasks.cases.cloud_costs.ingestion.needs import read_needs
from tasks.cases.cloud_costs.ingestion.prices import read_prices
from tasks.cases.cloud_costs.ingestion.sizes import read_sizes
from tasks.cases.cloud_costs.report.compose import describe_costs
from tasks.cases.cloud_costs.training import forecast_month
from tasks.cases.cloud_costs.validation import REMEDY, costs_contract
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined
from tasks.publishing.publish import publish
from tasks.validation.tables import check


@case
def cloud_costs(
    source: str = "sample",
    currency: str = "",
    budget: str = "",
    tag: str = "",
    needs: str = "",
    prices: str = "auto",
    sizes: str = "",
    max_quarantined: Quarantined = 0.05,
) -> Path:
    """What does our cloud cost, why did it change, and what should we choose?

    The answer serves whoever pays for a cloud: whether the month stays within its budget, which resource to look at
    first, and how to pay for the next machine. It is good when every total equals the export's to the cent, an anomaly
    is told in at most 5 of 100 months that have none, and the forecast is at least as good as the mean of the month.

    Args:
        source: sample, an export of FOCUS or Azure Cost Management (csv, csv.gz, parquet, xlsx), a folder of them, or
            an https, abfs, s3 or gs address
        currency: three letters; the one with most charges when empty; amounts of different ones are never added
        budget: a month, such as 1200, or 1200,Storage=200 (service, resource group, resource or account)
        tag: key of the tag to group by; the one that covers most of the cost when empty
        needs: machines to choose, cores=4,memory=16,region=westeurope,hours=300 (also disk, gpus, os, count, name;
            several parted by ;), as JSON, or in a JSON or CSV file
        prices: auto (the sample's list for the sample, else api), sample, api (Azure's public retail prices), the
            address of a server that speaks that API, or a saved list
        sizes: CSV with size, cores, memory, disk, gpus of sizes that are not known
    """
    # Data understanding
    asked, machines = read_needs(needs), read_sizes(sizes)
    data = read_costs(source)
    costs = check(data, costs_contract(max_quarantined), REMEDY).frame

    # Data preparation: one currency, commitments spread over their days
    counted = choose_currency(costs, currency)
    expected = read_expectation(costs, data.parts.forecast)
    ledger = amortise(counted.frame)
    spent = group_costs(ledger.frame, tag)
    offers = read_prices(prices, source, asked, counted.currency.load(Currency).code)

    # Modelling: the end of the month
    forecast = forecast_month(spent.days, ledger.commitments, data.parts.forecast)

    # Evaluation: what changed, what stands out, what is not used, what would be cheaper
    changes = compare_months(ledger.frame)
    found = find_anomalies(ledger.frame)
    unused = find_unused(ledger.frame)
    budgets = check_budget(ledger.frame, budget, forecast)
    chosen = choose_machines(offers.frame, machines, asked, counted.currency.load(Currency).code)

    # Deployment
    findings = describe_costs(
        counted.totals,
        counted.currency,
        data.parts.files,
        expected,
        spent.days,
        spent.daily,
        spent.groups,
        spent.tag,
        ledger.commitments,
        changes.change,
        changes.table,
        forecast,
        budgets,
        found.frame,
        found.series,
        found.looked,
        unused,
        chosen.frame,
        chosen.best,
        chosen.unknown,
        offers.about,
    )
    return publish(
        findings,
        tables={
            "days": spent.days,
            "groups": spent.groups,
            "resources": spent.resources,
            "change": changes.table,
            "anomalies": found.frame,
            "unused": unused,
            "budgets": budgets,
            "choice": chosen.frame,
            "commitments": ledger.commitments,
        },
    )


if __name__ == "__main__":
    main(cloud_costs)
