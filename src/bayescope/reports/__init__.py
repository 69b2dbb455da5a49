"""`RunRecord` and fits -> tables, figures, report and run folder."""
