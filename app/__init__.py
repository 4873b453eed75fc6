"""A Streamlit app that maps city predictions: `airq app`, or `streamlit run app/main.py`."""
