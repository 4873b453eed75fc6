"""Data of public services, fetched over HTTP: Open-Meteo's fields and OpenAQ's monitors."""
