"""`history --csv`: see `store.views.sheets`."""

from store.views.sheets import COLUMNS, history_csv

__all__ = ["COLUMNS", "history_csv"]
