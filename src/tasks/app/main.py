"""The script that Streamlit runs for each visitor: the pages, and which of them is open."""

import streamlit as st

from tasks.app.pages import epidemic, films, flats, marathon, pictures, products, results

st.set_page_config(page_title="Casebook", page_icon=":material/science:", layout="centered")
st.navigation(
    {
        "Casebook": [st.Page(results.show, title="What was found", url_path="results", default=True)],
        "Ask": [
            st.Page(pictures.similar, title="Similar pictures", url_path="similar"),
            st.Page(pictures.classify, title="Which class?", url_path="class"),
            st.Page(pictures.masks, title="A mask?", url_path="mask"),
            st.Page(flats.show, title="Price of a flat", url_path="flat"),
            st.Page(films.show, title="What next?", url_path="films"),
            st.Page(products.show, title="What if?", url_path="what-if"),
        ],
        "Explore": [
            st.Page(marathon.show, title="Marathon", url_path="marathon"),
            st.Page(epidemic.show, title="Epidemic", url_path="epidemic"),
        ],
    }
).run()
