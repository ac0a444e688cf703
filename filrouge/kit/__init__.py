"""What an auditor is given: files that are copied as they are, to be read and run by strangers."""
