"""The console owns showing what a store holds, and answering, in a web browser."""
