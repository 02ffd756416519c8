"""The token service: payment tokens, authorisations, and the ledger behind them. docs/token-service.md."""
