"""The wire protocol `netra.v1`: pure values and pure functions, no I/O and no clock."""
