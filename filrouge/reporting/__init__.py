"""The auditor's report: what a period did to points and money, and what else is asked for."""
