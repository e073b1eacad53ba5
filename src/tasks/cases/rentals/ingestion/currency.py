"""In which currency are the prices? Inside Airbnb publishes them in that of the city, and writes it nowhere.

It is told by the user, else by the columns, else by the place: the name of the file or its folders, and the middle of
the listings. Where these say nothing or contradict each other, no currency is named, and figures stand without one.
"""

import re

import numpy as np
import pandas as pd

from tasks.platform.stage import stage

KM_PER_DEGREE = 111.2
CITY = 40.0  # km around the middle of a city
PLACES = """
EUR amsterdam 52.37 4.90; EUR antwerp 51.22 4.40; EUR athens 37.98 23.73; EUR barcelona 41.39 2.17; EUR bergamo
45.70 9.67; EUR berlin 52.52 13.41; EUR bologna 44.49 11.34; EUR bordeaux 44.84 -0.58; EUR brussels 50.85 4.35; EUR
cologne 50.94 6.96; EUR crete 35.30 24.90 150; EUR dublin 53.35 -6.26; EUR euskadi 43.10 -2.60 70; EUR florence
43.77 11.26; EUR ghent 51.05 3.72; EUR girona 41.98 2.82; EUR hamburg 53.55 9.99; EUR helsinki 60.17 24.94; EUR
lisbon 38.75 -9.25 60; EUR lyon 45.76 4.84; EUR madrid 40.42 -3.70; EUR malaga 36.72 -4.42; EUR mallorca 39.61 2.98
80; EUR malta 35.93 14.40; EUR marseille 43.30 5.37; EUR menorca 39.96 4.08; EUR milan 45.46 9.19; EUR munich 48.14
11.58; EUR naples 40.85 14.27; EUR paris 48.86 2.35; EUR porto 41.20 -8.50; EUR puglia 40.80 17.10 130; EUR riga
56.95 24.11; EUR rome 41.90 12.50; EUR rotterdam 51.92 4.48; EUR sevilla 37.39 -5.99; EUR sicily 37.60 14.10 170;
EUR thessaloniki 40.64 22.94; EUR trentino 46.10 11.20; EUR valencia 39.47 -0.38; EUR venice 45.44 12.33; EUR vienna
48.21 16.37; GBP bristol 51.45 -2.59; GBP edinburgh 55.95 -3.19; GBP london 51.51 -0.13; GBP manchester 53.48 -2.24;
CHF geneva 46.20 6.14; CHF vaud 46.60 6.55; CHF zurich 47.38 8.54; DKK copenhagen 55.68 12.57 25; NOK oslo 59.91
10.75; SEK stockholm 59.33 18.07; CZK prague 50.08 14.44; HUF budapest 47.50 19.04; PLN warsaw 52.23 21.01; PLN
krakow 50.06 19.94; TRY istanbul 41.01 28.98; ILS tel-aviv 32.08 34.78; AED dubai 25.20 55.27; ZAR cape-town -33.92
18.42 60; INR mumbai 19.08 72.88; SGD singapore 1.35 103.82 25; THB bangkok 13.76 100.50; HKD hong-kong 22.32 114.17
25; TWD taipei 25.03 121.57; CNY beijing 39.90 116.40; CNY shanghai 31.23 121.47; JPY tokyo 35.68 139.69 60; JPY
osaka 34.69 135.50; JPY kyoto 35.01 135.77; KRW seoul 37.57 126.98; IDR bali -8.45 115.20 70; VND hanoi 21.03
105.85; VND ho-chi-minh 10.78 106.70; MYR kuala-lumpur 3.14 101.69; PHP manila 14.60 120.98; AUD barossa -34.53
138.95; AUD brisbane -27.47 153.03; AUD melbourne -37.81 144.96 70; AUD sydney -33.87 151.21 70; AUD tasmania -42.10
146.90 200; NZD auckland -36.85 174.76; NZD new-zealand -41.20 173.00 700; CAD montreal 45.50 -73.57; CAD ottawa
45.42 -75.70; CAD quebec 46.81 -71.21; CAD toronto 43.65 -79.38; CAD vancouver 49.25 -123.12 25; CAD victoria 48.43
-123.37 20; CAD winnipeg 49.90 -97.14; MXN mexico-city 19.43 -99.13; BRL rio-de-janeiro -22.91 -43.20 60; ARS
buenos-aires -34.60 -58.43 30; CLP santiago -33.45 -70.66; COP bogota 4.71 -74.07; COP medellin 6.25 -75.57; USD
asheville 35.60 -82.55; USD austin 30.27 -97.74; USD boston 42.36 -71.06; USD chicago 41.88 -87.63; USD dallas 32.78
-96.80; USD denver 39.74 -104.99; USD hawaii 20.80 -157.30 350; USD los-angeles 34.05 -118.24 80; USD nashville
36.16 -86.78; USD new-orleans 29.95 -90.07; USD new-york 40.71 -74.00 60; USD oakland 37.80 -122.27 25; USD portland
45.52 -122.68; USD san-diego 32.80 -117.15 30; USD san-francisco 37.77 -122.42; USD seattle 47.61 -122.33; USD
washington-dc 38.91 -77.04
"""
SIGNS = {"EUR": "€"}  # the others keep their code: $ and ¥ and kr are signs of several


def places() -> pd.DataFrame:
    """Return the places that are known: `currency, name, latitude, longitude` (degrees), `radius` (km)."""
    rows = [(*words[:4], *(words[4:] or [str(CITY)])) for words in (line.split() for line in PLACES.split(";"))]
    table = pd.DataFrame(rows, columns=["currency", "name", "latitude", "longitude", "radius"])
    return table.astype({"latitude": float, "longitude": float, "radius": float})


def by_name(source: str) -> str:
    """Return the currency of the place that a path or address names; empty without one, or with several."""
    words = "-" + re.sub(r"[^a-z]+", "-", source.lower()) + "-"
    known = places()
    found = {code for code, name in zip(known["currency"], known["name"], strict=True) if f"-{name}-" in words}
    return found.pop() if len(found) == 1 else ""


def by_place(latitude: pd.Series, longitude: pd.Series) -> str:
    """Return the currency at the middle of the listings; empty where no place is known nearby."""
    known = places()
    north = (known["latitude"] - float(latitude.median())) * KM_PER_DEGREE
    east = (known["longitude"] - float(longitude.median())) * KM_PER_DEGREE * np.cos(np.radians(known["latitude"]))
    off = np.hypot(north, east)
    near = known.assign(off=off)[off <= known["radius"]].sort_values("off")
    return "" if near.empty else str(near["currency"].iloc[0])


@stage(phase="Data understanding")
def tell_currency(frame: pd.DataFrame, told: str, source: str, wanted: str) -> str:
    """Return the sign or code of the currency; empty where nobody knows it.

    Args:
        frame: `latitude` and `longitude`, degrees.
        told: the currency that the columns name; empty for none.
        source: what the user asked for.
        wanted: a code of three letters, `none`, or `auto`.
    """
    if wanted != "auto":
        code = "" if wanted == "none" else wanted
    elif told:
        code = told
    else:
        named, here = by_name(source), by_place(frame["latitude"], frame["longitude"])
        code = named or here if not (named and here and named != here) else ""
    return SIGNS.get(code, code)
