"""Raw landing, SQL engine and operational store."""
