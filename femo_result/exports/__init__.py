"""A completed analysis in formats that people load elsewhere; it needs pydantic alone."""

from femo_result.exports.fhir import fhir_of
from femo_result.exports.reading import as_response
from femo_result.exports.rows import COLUMNS, Column, rows_of
from femo_result.exports.table import csv_of

__all__ = ["COLUMNS", "Column", "as_response", "csv_of", "fhir_of", "rows_of"]
