"""Satellite and weather features from Google Earth Engine."""
