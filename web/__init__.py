"""The room of the pages: what a browser is shown of the ledger.  It reads, and decides nothing."""
