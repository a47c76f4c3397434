"""The same work on signoff, on what somebody would pick instead, and on SQL by hand."""
