"""Speed, measured side by side: ``make bench``. Not a test: nothing here passes or fails."""
