"""The room of the pages and the JSON API: empty so far, and named so that its import rules hold from the first day."""
