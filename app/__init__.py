"""A Streamlit app that maps city predictions."""
