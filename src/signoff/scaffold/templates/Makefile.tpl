PYTHON ?= python

.PHONY: run test check

# A demonstration; run again, it goes on from where it was.
run:
	$$(PYTHON) -m $package

test:
	$$(PYTHON) -m pytest

# Is the code still what was decided?
check:
	$$(PYTHON) -m signoff check
