"""One file per noun of the command `tos`, imported when it is asked for. They import what is big or rare inside."""
