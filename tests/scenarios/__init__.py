"""Scenarios: what vost promises, proved for both faces on both storages."""
